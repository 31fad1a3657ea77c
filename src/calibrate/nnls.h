// Least squares with bounds on the coefficients; the non-negative ones are those of nothing said.
#pragma once

#include <span>
#include <vector>

#include "calibrate/linear_algebra.h"

namespace hone::calibrate {

struct BoundedLeastSquares {
  // One for each column of A; -infinity and infinity are no bound. Empty: 0 and infinity.
  std::vector<double> lower, upper;
  // 0: squares. Else the size of a residual √w |Ax − b| from which on its loss grows linearly
  // (Huber 1964), so that outliers pull less; with weights 1/b² that is a relative error.
  double huber = 0;
};

// x with lower ≤ x ≤ upper that minimises Σ w_i (A x − b)_i², or the same sum of Huber's loss.
// `a` has a row for each observation; it may have fewer rows than columns, and columns that depend
// on each other: of those, one is used. Weights are not negative. Refused with bad_value: what is
// not finite, negative weights, a lower bound above the upper one.
Result<std::vector<double>> solve(const Matrix& a, std::span<const double> b,
                                  std::span<const double> weights,
                                  const BoundedLeastSquares& options);

}  // namespace hone::calibrate
