// Sliding windows over pixels whose channels lie side by side: depthwise convolution and pooling.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace hone::kernels {

// The pixels under a window are given as pointers to their first channels.
struct WindowKernels {
  // For each of `pixels` outputs p: y[p][c] = sum over k of taps[p * positions + k][c] *
  // weights[k][c], then the epilogue, whose `added` belongs to the first pixel.
  void (*depthwise)(const float* const* taps, int64_t positions, int64_t pixels,
                    const float* weights, int64_t channels, const Epilogue& epilogue, float* y);
  // The largest; NaN wins. -infinity without taps.
  void (*maximum)(const float* const* taps, int64_t count, int64_t channels, float* y);
  // The sum times `factor`.
  void (*mean)(const float* const* taps, int64_t count, int64_t channels, float factor, float* y);
};

extern const WindowKernels kWindowsPortable;
#if defined(__x86_64__)
extern const WindowKernels kWindowsAvx2;
extern const WindowKernels kWindowsAvx512;
#endif

// The best ones for the CPU that runs this.
const WindowKernels& window_kernels();

}  // namespace hone::kernels
