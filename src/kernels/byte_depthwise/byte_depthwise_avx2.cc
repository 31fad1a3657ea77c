// Depthwise convolution of bytes with AVX2: 16 channels of two taps at a time, as pairs of 16 bits.
#include <immintrin.h>

#include "kernels/byte_depthwise/byte_depthwise.h"

namespace hone::kernels {
namespace {

constexpr int64_t kChannels = 16;
constexpr int64_t kBlockBytes = 64;  // of weights: two taps of the channels

int64_t blocks(int64_t channels) { return (channels + kChannels - 1) / kChannels; }

int64_t prepared_bytes(int64_t taps, int64_t channels) {
  return (taps + 1) / 2 * blocks(channels) * kBlockBytes;
}

// [block][pair of taps][order][2] in 16 bits, the channels in the order in which halves of vectors
// are interleaved.
void prepare(const int8_t* weights, int64_t taps, int64_t channels, int8_t* to) {
  auto* out = reinterpret_cast<int16_t*>(to);
  for (int64_t b = 0; b < blocks(channels); ++b)
    for (int64_t pair = 0; pair < (taps + 1) / 2; ++pair)
      for (int64_t i = 0; i < kChannels; ++i)
        for (int64_t t = 0; t < 2; ++t, ++out) {
          // Lanes 0 to 3 and 8 to 11 first, then 4 to 7 and 12 to 15.
          const int64_t lane = i % 4 + i / 4 % 2 * 8 + i / 8 * 4;
          const int64_t c = b * kChannels + lane, tap = 2 * pair + t;
          *out = c < channels && tap < taps ? weights[tap * channels + c] : int8_t{0};
        }
}

inline __m256i widened(const uint8_t* p, int64_t left) {
  uint8_t bytes[kChannels] = {};
  if (left < kChannels) {
    for (int64_t i = 0; i < left; ++i) bytes[i] = p[i];
    p = bytes;
  }
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

void sums(const uint8_t* const* taps, const int8_t* weights, int64_t count, int64_t channels,
          int32_t* sums) {
  for (int64_t c = 0; c < channels; c += kChannels) {
    __m256i first = _mm256_setzero_si256(), second = first;
    for (int64_t t = 0; t < count; t += 2, weights += kBlockBytes) {
      const __m256i a = widened(taps[t] + c, channels - c);
      const __m256i b = widened(taps[t + 1] + c, channels - c);
      const auto* w = reinterpret_cast<const __m256i*>(weights);
      first = _mm256_add_epi32(
          first, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), _mm256_loadu_si256(w)));
      second = _mm256_add_epi32(
          second, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), _mm256_loadu_si256(w + 1)));
    }
    auto* to = reinterpret_cast<__m256i*>(sums + c);
    _mm256_storeu_si256(to, _mm256_permute2x128_si256(first, second, 0x20));
    _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(first, second, 0x31));
  }
}

}  // namespace

const ByteDepthwiseKernels kByteDepthwiseAvx2{2,    kChannels, prepared_bytes, prepare,
                                              sums, nullptr,   nullptr};

}  // namespace hone::kernels
