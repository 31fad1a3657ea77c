// Sliding windows over pixels whose channels lie side by side: depthwise convolution and pooling of
// a line of results.
//
// The lines of the input that a line of windows covers are listed in the order in which they are
// summed. Along the line, output o covers the pixels o * stride - before + k * dilation, k < taps,
// as far as there are such pixels: what lies outside takes no part. The order of summation is that
// of lines and taps, so a result depends neither on its place in the line nor on how the line is
// cut into parts.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace hone::kernels {

struct WindowLine {
  int64_t pixels, channels;  // of a line of the input
  int64_t taps, stride, dilation, before;
  // The outputs whose windows lie within the line; set by `window_line`.
  int64_t inner = 0, inner_end = 0;
};
// With the inner ones of `outputs`.
WindowLine window_line(WindowLine line, int64_t outputs);

struct InputLine {
  const float* pixels;
  const float* weights;  // [taps][channels], for convolutions
};

// Outputs [first, last), channels [channel, channel_end). Pointers to results are those of the
// whole line.
struct WindowPart {
  int64_t first, last, channel, channel_end;
};

struct WindowKernels {
  // activation(sum of inputs times weights + bias + added); `added` is that of the line.
  void (*depthwise)(const WindowLine& line, const InputLine* inputs, int64_t count,
                    const WindowPart& part, const Epilogue& epilogue, float* y);
  // The largest; NaN wins. -infinity where a window is empty.
  void (*maximum)(const WindowLine& line, const InputLine* inputs, int64_t count,
                  const WindowPart& part, float* y);
  // The sum over `lines` * columns[o], the positions that output o counts.
  void (*mean)(const WindowLine& line, const InputLine* inputs, int64_t count,
               const WindowPart& part, float lines, const float* columns, float* y);
};

extern const WindowKernels kWindowsPortable;
#if defined(__x86_64__)
extern const WindowKernels kWindowsAvx2;
extern const WindowKernels kWindowsAvx512;
#endif

// The best ones for the CPU that runs this.
const WindowKernels& window_kernels();

}  // namespace hone::kernels
