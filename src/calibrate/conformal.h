// Split-conformal intervals (Vovk, Gammerman and Shafer 2005): how far the logarithms of measured
// and estimated values lie apart, found on things that the estimate has not seen.
#pragma once

#include <cstddef>
#include <span>

namespace hone::calibrate {

struct ConformalBound {
  double half_width = 0;   // of the interval, in units of what was given
  size_t n = 0;            // residuals that it rests on
  bool certified = false;  // enough of them: ⌈(n + 1) · level⌉ ≤ n
};

// The ⌈(n + 1) · level⌉-th smallest of |residuals|: another one of their kind lies within with at
// least that probability. With too few (n < 9 at 0.9) the largest, not certified; of none,
// infinite. Residuals that are not numbers count as infinite. 0 < level < 1.
ConformalBound conformal_bound(std::span<const double> residuals, double level = 0.9);

}  // namespace hone::calibrate
