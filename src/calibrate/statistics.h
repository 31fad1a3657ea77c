// Order statistics.
#pragma once

#include <span>

namespace hone::calibrate {

// The value below which a share q of them lies, between neighbours by a straight line (Hyndman and
// Fan 1996, definition 7); 0 of none.
double quantile(std::span<const double> values, double q);
inline double median(std::span<const double> values) { return quantile(values, 0.5); }

}  // namespace hone::calibrate
