// Depthwise convolution of bytes whose channels lie side by side: the exact sums of one result, in
// 32 bits.
#pragma once

#include <cstdint>

namespace hone::kernels {

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
};

extern const ByteDepthwiseKernels kByteDepthwisePortable;
#if defined(__x86_64__)
extern const ByteDepthwiseKernels kByteDepthwiseAvx2, kByteDepthwiseAvx512Vnni;
#endif

// The best ones for the CPU that runs this.
const ByteDepthwiseKernels& byte_depthwise_kernels();

}  // namespace hone::kernels
