// Errors of estimates against measurements, in a few numbers.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace hone::calibrate {

// One estimate against one measurement, both above 0.
struct ErrorCase {
  size_t run = 0;  // ranks are compared within one; its cases lie together
  double estimated = 0, measured = 0;
  // Of the 90 % interval, in logarithms; NaN where there is none.
  double half_width = std::numeric_limits<double>::quiet_NaN();

  double error() const { return std::abs(estimated / measured - 1); }
};

// Of relative errors |estimated − measured| / measured. Shares are of 1; NaN where there is nothing
// to tell.
struct ErrorSummary {
  size_t n = 0;
  double median = 0, mean = 0, p95 = 0, most = 0;
  double within_5 = 0, within_10 = 0, within_20 = 0;  // percent
  double coverage = 0;                                // of the 90 % intervals
  double half_width = 0;  // the median of half of an interval, beside its estimate
  double rank = 0;        // Spearman's correlation; over several runs, the median of theirs
};

ErrorSummary summarize(std::span<const ErrorCase> cases);

// Spearman's rank correlation, ties at their mean rank; NaN of fewer than two, or all equal.
double rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace hone::calibrate
