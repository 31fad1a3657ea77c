#include "hardware/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <vector>

#include "base/text.h"

namespace hone {
namespace {

struct Unit {
  Dimension dimension;
  std::string_view text;
  double factor;
};

constexpr Unit kUnits[] = {
#define UNIT(dimension, text, factor) {Dimension::dimension, text, factor},
#include "hardware/units.def"
#undef UNIT
};

constexpr DimensionInfo kDimensions[] = {
#define DIMENSION(id, what, base, example) {what, base, example},
#include "hardware/dimensions.def"
#undef DIMENSION
};

const Unit* find(std::string_view text) {
  for (const Unit& unit : kUnits)
    if (unit.text == text) return &unit;
  return nullptr;
}

std::string expected(Dimension dimension) {
  const DimensionInfo& wanted = info(dimension);
  return fmt::format("expected {}, such as {}", wanted.what, wanted.example);
}

}  // namespace

const DimensionInfo& info(Dimension dimension) {
  return kDimensions[static_cast<size_t>(dimension)];
}

Result<double> unit_factor(std::string_view text, Dimension dimension) {
  const Unit* unit = find(text);
  if (unit != nullptr && unit->dimension == dimension) return unit->factor;
  if (dimension == Dimension::count)
    return fail(ErrorId::bad_device, "a plain number has no unit: leave it out");
  if (unit != nullptr)
    return fail(ErrorId::bad_device, fmt::format("{} is a unit of {}; {}", text,
                                                 info(unit->dimension).what, expected(dimension)));
  if (dimension == Dimension::bytes && text == "KB")
    return fail(ErrorId::bad_device, "KB has two meanings: write KiB (1024 B) or kB (1000 B)");
  std::vector<std::string_view> names;
  for (const Unit& candidate : kUnits)
    if (candidate.dimension == dimension) names.push_back(candidate.text);
  const auto near = closest(text, names.data(), names.size());
  return fail(ErrorId::bad_device,
              fmt::format("there is no unit {}; {}{}", printable(text), expected(dimension),
                          near ? fmt::format(" (did you mean {}?)", *near) : std::string()));
}

std::optional<double> unit_factor(std::string_view text) {
  const Unit* unit = find(text);
  return unit != nullptr ? std::optional(unit->factor) : std::nullopt;
}

std::string human_quantity(double value, Dimension dimension) {
  constexpr std::array kBinary{"", "Ki", "Mi", "Gi", "Ti", "Pi"};
  constexpr std::array kDecimal{"", "k", "M", "G", "T", "P", "E"};
  constexpr std::array kSmall{"m", "u", "n", "p", "f", "a"};
  const std::string_view base = info(dimension).base;
  const auto shown = [&](double scaled, std::string_view prefix) {
    return fmt::format("{:.4g}{}{}{}", scaled, base.empty() ? "" : " ", prefix, base);
  };
  if (!std::isfinite(value) || value == 0 || dimension == Dimension::count)
    return base.empty() ? fmt::format("{:.7g}", value) : shown(value, "");
  const bool binary = dimension == Dimension::bytes;
  const double step = binary ? 1024 : 1000;
  // What would round up to the next prefix takes it.
  const auto fits = [&](double scaled) { return std::abs(scaled) < (binary ? 1024 : 999.95); };
  if (std::abs(value) >= 1) {
    const size_t most = binary ? kBinary.size() : kDecimal.size();
    size_t prefix = 0;
    for (; !fits(value) && prefix + 1 < most; ++prefix) value /= step;
    return shown(value, binary ? kBinary[prefix] : kDecimal[prefix]);
  }
  size_t prefix = 0;
  for (value *= 1000; std::abs(value) < 0.99995 && prefix + 1 < kSmall.size(); ++prefix)
    value *= 1000;
  return shown(value, kSmall[prefix]);
}

}  // namespace hone
