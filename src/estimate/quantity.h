// A figure that nobody has measured yet, with what is known of its error.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace hone::estimate {

// How an estimate came about: from measurements on this machine with these kernels, from those of
// another one, from vendors' figures alone, or counted.
enum class Confidence : uint8_t { exact, calibrated, interpolated, theoretical };
inline constexpr size_t kConfidences = 4;
std::string_view name(Confidence confidence);

struct Quantity {
  double value = 0;
  double low = 0, high = 0;  // 90 %
  Confidence confidence = Confidence::theoretical;
  std::string source;

  static Quantity exactly(double value, std::string source) {
    return {value, value, value, Confidence::exact, std::move(source)};
  }
  // From value / f to value * f, f = exp(half_width), which is finite.
  static Quantity around(double value, double half_width, Confidence confidence,
                         std::string source) {
    constexpr double kMost = 30;  // beyond a factor of 10^13 nothing is known
    const double f = std::exp(half_width < kMost ? half_width : kMost);
    return {value, value / f, value * f, confidence, std::move(source)};
  }
  bool overlaps(const Quantity& other) const { return low <= other.high && other.low <= high; }
};

}  // namespace hone::estimate
