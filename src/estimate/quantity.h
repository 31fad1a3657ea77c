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
  // Not all of it is known: it may be any times as much, and it is no better than theoretical.
  static Quantity at_least(double value, double half_width, std::string source) {
    return {value, value * std::exp(-half_width), INFINITY, Confidence::theoretical,
            std::move(source)};
  }
  static Quantity at_most(double value, double half_width, std::string source) {
    return {value, 0, value * std::exp(half_width), Confidence::theoretical, std::move(source)};
  }
  // Another interval; an end that is open stays so.
  void put_around(double half_width, Confidence of, std::string from) {
    const bool least = is_at_least(), most = is_at_most();
    *this = least  ? at_least(value, half_width, std::move(from))
            : most ? at_most(value, half_width, std::move(from))
                   : around(value, half_width, of, std::move(from));
  }
  // Half the interval's width, as a logarithm, by the end that is not open.
  double half_width() const {
    if (!(value > 0)) return 0;
    if (!is_at_least() && high > 0) return std::log(high / value);
    return low > 0 ? std::log(value / low) : 0;
  }
  bool is_at_least() const { return std::isinf(high); }
  bool is_at_most() const { return value > 0 && low <= 0; }
  bool overlaps(const Quantity& other) const { return low <= other.high && other.low <= high; }
};

}  // namespace hone::estimate
