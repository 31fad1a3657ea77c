// Order statistics, under the names that the fits use.
#pragma once

#include "measure/statistics.h"

namespace hone::calibrate {

using measure::median;
using measure::quantile;

}  // namespace hone::calibrate
