// Pairs of elements turned by angles.
#pragma once

#include <cstdint>

namespace hone::kernels {

// `pairs` pairs of x turned by angles given by their cosines and sines, to y (which may be x).
// Pairs are (i, i + pairs), or neighbours where `interleaved`.
void rotate(const float* x, const float* cosines, const float* sines, int64_t pairs,
            bool interleaved, float* y);

}  // namespace hone::kernels
