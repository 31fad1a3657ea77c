// Normalization by neighbouring channels, for each instruction set.
#pragma once

#include <cstdint>

namespace hone::kernels {

// x (bias + alpha s)^-beta, s the sum of squares from `before` channels before to `after` after.
struct Neighbours {
  int64_t before, after;
  float alpha, beta, bias;
};

struct LrnKernels {
  // Channels side by side. `squares` is work space for n + before + after + 16 floats.
  void (*row)(const Neighbours& w, const float* x, int64_t n, float* squares, float* y);
  // Columns [begin, end) of planes [channels][inner].
  void (*planes)(const Neighbours& w, const float* x, int64_t channels, int64_t inner,
                 int64_t begin, int64_t end, float* y);
};

extern const LrnKernels kLrnPortable;
#if defined(__x86_64__)
extern const LrnKernels kLrnAvx2;
extern const LrnKernels kLrnAvx512;
#endif

// The best ones for the CPU that runs this.
const LrnKernels& lrn_kernels();

}  // namespace hone::kernels
