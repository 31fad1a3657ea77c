#include "report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"

namespace hone::report {
namespace {

struct Unit {
  double size;
  std::string_view name;
};

std::string in_units(double value, std::span<const Unit> units) {
  for (const Unit& u : units)
    if (value >= u.size || &u == &units.back())
      return fmt::format("{:.3g} {}", value / u.size, u.name);
  return {};
}

}  // namespace

std::string time_text(double seconds) {
  static constexpr std::array kUnits{Unit{1, "s"}, Unit{1e-3, "ms"}, Unit{1e-6, "us"},
                                     Unit{1e-9, "ns"}};
  // 999.6 us is a millisecond once it is rounded.
  return in_units(seconds * 1.0005, kUnits);
}

std::string count_text(double count) {
  static constexpr std::array kUnits{Unit{1e12, "T"}, Unit{1e9, "G"}, Unit{1e6, "M"},
                                     Unit{1e3, "k"}};
  if (count < 1e4) return fmt::format("{:.0f}", count);
  return in_units(count, kUnits);
}

std::string energy_text(double joules) {
  static constexpr std::array kUnits{Unit{1, "J"}, Unit{1e-3, "mJ"}, Unit{1e-6, "uJ"},
                                     Unit{1e-9, "nJ"}};
  return in_units(joules, kUnits);
}

std::string percent_text(double share) { return fmt::format("{:.0f} %", share * 100); }

std::string bytes_text(double bytes) { return human_bytes(uint64_t(std::max(0.0, bytes))); }

std::string bound_text(const estimate::Quantity& q, std::string (*text)(double)) {
  return (q.is_at_least() ? "at least " : q.is_at_most() ? "at most " : "") + text(q.value);
}

std::string interval_text(const estimate::Quantity& q, std::string (*text)(double)) {
  if (q.is_at_least()) return text(q.low) + " or more";
  if (q.is_at_most()) return text(q.high) + " or less";
  return text(q.low) + " to " + text(q.high);
}

void write_quantity(JsonWriter& json, std::string_view name, const estimate::Quantity& q) {
  json.key(name);
  json.begin_object();
  json.member("value", q.value);
  json.member("low", q.low);
  json.member("high", q.high);  // null where it is not finite
  json.member("confidence", estimate::name(q.confidence));
  json.member("source", q.source);
  json.end_object();
}

}  // namespace hone::report
