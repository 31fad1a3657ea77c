// A convolution as a product: a row for each result's pixel, made of what its window covers.
#pragma once

#include <memory>

#include "backends/cpu/channels_last_geometry.h"
#include "kernels/gemm/gemm.h"

namespace hone::cpu {

// Of one group: `depth` channels of each pixel, from x on; for so many panels of filters. x:
// [images, in..., channels].
std::unique_ptr<kernels::RowSource> window_rows(const Geometry& g, const float* x, int64_t depth,
                                                int64_t panels);

// The same; x: [images, channels, in...].
std::unique_ptr<kernels::RowSource> plane_rows(const Geometry& g, const float* x, int64_t depth);

}  // namespace hone::cpu
