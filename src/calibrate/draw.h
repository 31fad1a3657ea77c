// Random sizes that are the same on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace hone::calibrate {

class Draw {
 public:
  explicit Draw(uint64_t seed) : seed_(mix64(seed)) {}

  double unit() { return double(mix64(seed_ + ++count_ * 0x9e3779b97f4a7c15) >> 11) * 0x1p-53; }
  // Log-uniform integers in [least, most].
  int64_t size(double least, double most) {
    return int64_t(
        std::lround(std::exp(std::log(least) + unit() * (std::log(most) - std::log(least)))));
  }
  // The same in whole units, but for one in four.
  int64_t width(double least, double most, int64_t unit_size) {
    const int64_t n = size(least, most);
    if (chance(0.25) || n < unit_size) return n;
    return (n + unit_size / 2) / unit_size * unit_size;
  }
  uint64_t bits() { return mix64(seed_ + ++count_ * 0x9e3779b97f4a7c15); }
  bool chance(double p) { return unit() < p; }
  int64_t one_of(std::initializer_list<int64_t> values) {
    return *(values.begin() + size_t(unit() * double(values.size())));
  }
  template <size_t N>
  std::string_view one_of(const std::string_view (&values)[N]) {
    return values[size_t(unit() * double(N))];
  }

 private:
  uint64_t seed_, count_ = 0;
};

}  // namespace hone::calibrate
