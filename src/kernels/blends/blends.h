// Weighted sums of rows, for each instruction set.
#pragma once

#include <cstdint>

namespace hone::kernels {

struct BlendKernels {
  // y[i] = sum over k of weights[k] * rows[k][i].
  void (*blend)(const float* const* rows, const float* weights, int64_t count, int64_t n, float* y);
};

extern const BlendKernels kBlendsPortable;
#if defined(__x86_64__)
extern const BlendKernels kBlendsAvx2;
extern const BlendKernels kBlendsAvx512;
#endif

// The best ones for the CPU that runs this.
const BlendKernels& blend_kernels();

}  // namespace hone::kernels
