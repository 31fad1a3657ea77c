#include "hardware/memory_bus.h"

#include <charconv>
#include <cstdint>

namespace hone {
namespace {

struct MemoryType {
  std::string_view name;
  int bits, highest_rate;
};
constexpr MemoryType kTypes[] = {
#define MEMORY_TYPE(name, bits, rate) {name, bits, rate},
#include "hardware/memory_types.def"
#undef MEMORY_TYPE
};

// Takes a whole number above 0 from the front.
std::optional<double> take_number(std::string_view& text) {
  uint32_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || value == 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

}  // namespace

std::optional<double> MemoryBus::bandwidth() const {
  return bits > 0 ? std::optional(rate * bits / 8) : std::nullopt;
}

std::optional<MemoryBus> parse_memory_bus(std::string_view text) {
  text = text.substr(0, text.find(','));
  const std::string_view name = text.substr(0, text.find_first_of("- "));
  const MemoryType* type = nullptr;
  for (const MemoryType& candidate : kTypes)
    if (candidate.name == name) type = &candidate;
  if (type == nullptr) return std::nullopt;
  text.remove_prefix(name.size());
  MemoryBus bus{.type = type->name, .rate = type->highest_rate * 1e6};
  bus.highest_rate = bus.rate;
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    const auto rate = take_number(text);
    if (!rate) return std::nullopt;
    bus.rate = *rate * 1e6;
    bus.rate_is_given = true;
  }
  if (text.starts_with(" x")) {
    text.remove_prefix(2);
    const auto count = take_number(text);
    if (!count) return std::nullopt;
    const bool in_bits = text.starts_with('b');
    if (in_bits) text.remove_prefix(1);
    bus.bits = in_bits ? *count : *count * type->bits;
  }
  return text.empty() ? std::optional(bus) : std::nullopt;
}

bool looks_like_memory_bus(std::string_view text) {
  const std::string_view name = text.substr(0, text.find_first_of("- ,"));
  return name.find("DDR") != std::string_view::npos || name.find("HBM") != std::string_view::npos;
}

}  // namespace hone
