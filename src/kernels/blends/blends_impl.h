// Weighted sums with the vectors of the including file's instruction set.
#pragma once

#include "kernels/blends/blends.h"
#include "kernels/vector.h"

namespace hone::kernels {
namespace {

constexpr int64_t kW = Vector::kWidth;

void blend(const float* const* rows, const float* weights, int64_t count, int64_t n, float* y) {
  int64_t i = 0;
  for (; i + kW <= n; i += kW) {
    Vector sum = Vector::zero();
    for (int64_t k = 0; k < count; ++k)
      sum = fma(Vector::load(rows[k] + i), Vector::all(weights[k]), sum);
    sum.store(y + i);
  }
  for (; i < n; ++i) {
    float sum = 0;
    for (int64_t k = 0; k < count; ++k) sum += weights[k] * rows[k][i];
    y[i] = sum;
  }
}

constexpr BlendKernels kBlends{blend};

}  // namespace
}  // namespace hone::kernels
