// Results whose elements come from places that each axis decides for itself: padding, resizing to
// the nearest elements.
#pragma once

#include "backends/cpu/movement.h"

namespace hone::cpu {

// y[p] = x[sum of offsets[i][p_i]], or `outside`, one element, where one of them is -1.
void pick(const Tensor& x, const AxisOffsets& offsets, const std::byte* outside, Tensor& y,
          ThreadPool& pool);

}  // namespace hone::cpu
