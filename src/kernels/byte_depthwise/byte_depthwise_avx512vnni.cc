// Depthwise convolution of bytes with AVX-512 VNNI: 64 channels of four taps at a time, whose bytes
// are interleaved for dot products.
#include <immintrin.h>

#include "kernels/byte_depthwise/byte_depthwise.h"
#include "kernels/byte_depthwise/lines_avx512.h"

namespace hone::kernels {
namespace {

constexpr int64_t kChannels = 64, kTaps = 4;
constexpr int64_t kBlockBytes = kChannels * kTaps;

int64_t blocks(int64_t channels) { return (channels + kChannels - 1) / kChannels; }
int64_t quads(int64_t taps) { return (taps + kTaps - 1) / kTaps; }

int64_t prepared_bytes(int64_t taps, int64_t channels) {
  return quads(taps) * blocks(channels) * kBlockBytes;
}

// [block][quad of taps][4][16][4]: interleaving works within the four parts of a vector, so vector
// i has channels 4 i to 4 i + 3 of each 16.
void prepare(const int8_t* weights, int64_t taps, int64_t channels, int8_t* to) {
  for (int64_t b = 0; b < blocks(channels); ++b)
    for (int64_t q = 0; q < quads(taps); ++q)
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t lane = 0; lane < 16; ++lane)
          for (int64_t t = 0; t < kTaps; ++t, ++to) {
            const int64_t c = b * kChannels + lane / 4 * 16 + i * 4 + lane % 4;
            const int64_t tap = q * kTaps + t;
            *to = c < channels && tap < taps ? weights[tap * channels + c] : int8_t{0};
          }
}

void sums(const uint8_t* const* taps, const int8_t* weights, int64_t count, int64_t channels,
          int32_t* sums) {
  for (int64_t c = 0; c < channels; c += kChannels, sums += kChannels) {
    const int64_t left = channels - c;
    const __mmask64 mask = left >= kChannels ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
    __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
    for (int64_t t = 0; t < count; t += kTaps, weights += kBlockBytes) {
      const auto bytes = [&](int64_t i) { return _mm512_maskz_loadu_epi8(mask, taps[t + i] + c); };
      const __m512i x0 = bytes(0), x1 = bytes(1), x2 = bytes(2), x3 = bytes(3);
      const __m512i low = _mm512_unpacklo_epi8(x0, x1), high = _mm512_unpackhi_epi8(x0, x1);
      const __m512i low2 = _mm512_unpacklo_epi8(x2, x3), high2 = _mm512_unpackhi_epi8(x2, x3);
      const auto dot = [&](int i, __m512i x) {
        sum[i] = _mm512_dpbusd_epi32(sum[i], x, _mm512_loadu_si512(weights + 64 * i));
      };
      dot(0, _mm512_unpacklo_epi16(low, low2));
      dot(1, _mm512_unpackhi_epi16(low, low2));
      dot(2, _mm512_unpacklo_epi16(high, high2));
      dot(3, _mm512_unpackhi_epi16(high, high2));
    }
    // Parts of four channels, from the four vectors in turn.
    const __m512i a = _mm512_shuffle_i32x4(sum[0], sum[1], 0x44);
    const __m512i b = _mm512_shuffle_i32x4(sum[2], sum[3], 0x44);
    const __m512i d = _mm512_shuffle_i32x4(sum[0], sum[1], 0xee);
    const __m512i e = _mm512_shuffle_i32x4(sum[2], sum[3], 0xee);
    _mm512_storeu_si512(sums, _mm512_shuffle_i32x4(a, b, 0x88));
    _mm512_storeu_si512(sums + 16, _mm512_shuffle_i32x4(a, b, 0xdd));
    _mm512_storeu_si512(sums + 32, _mm512_shuffle_i32x4(d, e, 0x88));
    _mm512_storeu_si512(sums + 48, _mm512_shuffle_i32x4(d, e, 0xdd));
  }
}

}  // namespace

const ByteDepthwiseKernels kByteDepthwiseAvx512Vnni{kTaps, kChannels,   prepared_bytes, prepare,
                                                    sums,  takes_lines, depthwise_lines};

}  // namespace hone::kernels
