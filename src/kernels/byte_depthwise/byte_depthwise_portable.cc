// Depthwise convolution of bytes for any CPU.
#include <cstring>

#include "kernels/byte_depthwise/byte_depthwise.h"

namespace hone::kernels {
namespace {

int64_t prepared_bytes(int64_t taps, int64_t channels) { return taps * channels; }

void prepare(const int8_t* weights, int64_t taps, int64_t channels, int8_t* to) {
  std::memcpy(to, weights, size_t(taps * channels));
}

void sums(const uint8_t* const* taps, const int8_t* weights, int64_t count, int64_t channels,
          int32_t* sums) {
  for (int64_t c = 0; c < channels; ++c) sums[c] = 0;
  for (int64_t t = 0; t < count; ++t, weights += channels)
    for (int64_t c = 0; c < channels; ++c) sums[c] += int32_t(taps[t][c]) * weights[c];
}

}  // namespace

const ByteDepthwiseKernels kByteDepthwisePortable{1,    1,       prepared_bytes, prepare,
                                                  sums, nullptr, nullptr};

}  // namespace hone::kernels
