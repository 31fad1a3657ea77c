#include "calibrate/conformal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"

namespace hone::calibrate {

ConformalBound conformal_bound(std::span<const double> residuals, double level) {
  CHECK(level > 0 && level < 1);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (residuals.empty()) return {kInfinity, 0, false};
  std::vector<double> sizes;
  for (const double r : residuals) sizes.push_back(std::isnan(r) ? kInfinity : std::abs(r));
  const size_t n = sizes.size();
  // (9 + 1) · 0.9 is 9, which rounding must not make 10.
  const auto rank = static_cast<size_t>(std::ceil(double(n + 1) * level * (1 - 1e-12)));
  const size_t place = std::min(rank, n) - 1;
  std::nth_element(sizes.begin(), sizes.begin() + std::ptrdiff_t(place), sizes.end());
  return {sizes[place], n, rank <= n};
}

}  // namespace hone::calibrate
