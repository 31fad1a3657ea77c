// Depthwise convolution of bytes whose channels lie side by side: the exact sums of one result, in
// 32 bits, or lines of results at once.
#pragma once

#include <cstdint>

#include "kernels/integer_gemm/integer_gemm.h"

namespace hone::kernels {

// Lines of results, one behind the other.
struct ByteDepthwiseLines {
  int64_t channels, in, out;                 // pixels of a line of x, and of results
  int64_t kernel, stride, dilation, before;  // along a line
  int64_t height;                            // lines under a window
  const int8_t* weights;                     // [height][kernel][channels]
  uint8_t outside;                           // what stands outside of the image
  // [count][height]: the first pixel of each line under the windows; null outside of the image.
  const uint8_t* const* lines;
  int64_t count;
  const IntegerEpilogue* epilogue;
  int64_t row;  // of the first result
};

struct ByteDepthwiseKernels {
  // Taps that are listed for a result: the kernel's, rounded up to a multiple of this.
  int64_t tap_unit;
  // Channels that the sums have room for: a multiple of this.
  int64_t channel_unit;
  int64_t (*prepared_bytes)(int64_t taps, int64_t channels);
  // Weights [taps][channels] as `sums` reads them.
  void (*prepare)(const int8_t* weights, int64_t taps, int64_t channels, int8_t* to);
  // Sums of unsigned bytes times weights over the taps, for each channel. taps[i]: the channels of
  // the pixel under tap i; those behind the kernel's last may be any.
  void (*sums)(const uint8_t* const* taps, const int8_t* prepared, int64_t count, int64_t channels,
               int32_t* sums);
  // Null, or whether `lines` is for such ones, and the bytes of all their results.
  bool (*takes)(const ByteDepthwiseLines& l);
  void (*lines)(const ByteDepthwiseLines& l);
};

extern const ByteDepthwiseKernels kByteDepthwisePortable;
#if defined(__x86_64__)
extern const ByteDepthwiseKernels kByteDepthwiseAvx2, kByteDepthwiseAvx512Vnni;
#endif

// The best ones for the CPU that runs this.
const ByteDepthwiseKernels& byte_depthwise_kernels();

}  // namespace hone::kernels
