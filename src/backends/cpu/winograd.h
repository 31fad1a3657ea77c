// Convolution by Winograd's minimal filtering.
#pragma once

#include "backends/cpu/channels_last_geometry.h"

namespace hone::cpu {

// A convolution of 3 x 3 positions, stride 1, one group, on panels [1, panels, 9 C, width].
Status run_winograd(Call& c, const Geometry& geometry, ThreadPool& pool);

}  // namespace hone::cpu
