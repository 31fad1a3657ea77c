// Sums of floats: in f32 by the vector kernels, piece by piece, and in double what overflows there.
#pragma once

#include <cstdint>

#include "kernels/reductions/reductions.h"

namespace hone::cpu {

// Of n elements side by side; of no element 0.
double sum_of(kernels::Reduction r, const float* x, int64_t n);
// The sum of (x - mean)^2.
double deviation_of(const float* x, int64_t n, float mean);
// The sums of n columns of rows `step` apart are added to `totals`.
void add_columns(kernels::Reduction r, const float* x, int64_t step, int64_t rows, int64_t n,
                 double* totals);

}  // namespace hone::cpu
