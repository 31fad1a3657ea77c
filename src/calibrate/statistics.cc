#include "calibrate/statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace hone::calibrate {

double quantile(std::span<const double> values, double q) {
  if (values.empty()) return 0;
  std::vector<double> v(values.begin(), values.end());
  const double at = q * double(v.size() - 1), below = std::floor(at);
  const auto i = v.begin() + std::ptrdiff_t(below);
  std::nth_element(v.begin(), i, v.end());
  if (i + 1 == v.end()) return *i;
  return *i + (at - below) * (*std::min_element(i + 1, v.end()) - *i);
}

}  // namespace hone::calibrate
