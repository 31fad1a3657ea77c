// Numbers that stand for bytes, packed with saturation: four vectors at a time, where the including
// file's instruction set has such instructions.
#pragma once

#include "kernels/integer_gemm/integer_gemm.h"
#include "kernels/vector_integers.h"

namespace hone::kernels {
namespace {

// Bounds of results that are limited at most, and not multiplied, before `zero` is added: those of
// bytes and of the activation at once.
struct ByteBounds {
  float least, most;
  explicit ByteBounds(const IntegerEpilogue& e)
      : least(float(e.least - e.zero)), most(float(e.most - e.zero)) {
    if (e.real.activation == Activation::relu && least < 0) least = most < 0 ? most : 0;
    if (e.real.activation != Activation::clip) return;
    const auto within = [&](float x) { return x < least ? least : x > most ? most : x; };
    const float low = within(e.real.low), high = within(e.real.high);
    least = low < high ? low : high;
    most = high;
  }
};

// Do the bounds hold all that becomes of sums?
inline bool only_limits(const IntegerEpilogue& e) {
  return e.bytes && e.finite && e.real.clamps() && e.multiplier == 1 && !e.real.added;
}

#if defined(__AVX2__)

// For numbers that fit into 32 bits. Halves of vectors (quarters) are packed each for themselves:
// of four vectors a, b, c, d the first gives the bytes of its part of a, then of b, c and d.
class BytePacking {
 public:
#if defined(__AVX512F__)
  using Bytes = __m512i;
#else
  using Bytes = __m256i;
#endif

  explicit BytePacking(const IntegerEpilogue& e) {
    const ByteBounds bounds(e);
    // Unsigned bytes, 128 above signed ones.
    const int32_t turn = e.least < 0 ? 128 : 0, zero = e.zero + turn;
    const auto rounded = [&](float x) { return _mm_cvtss_si32(_mm_set_ss(x)) + zero; };
    const int32_t low = rounded(bounds.least), high = rounded(bounds.most);
    limits_ = low > 0 || high < 255 || turn != 0;
#if defined(__AVX512F__)
    zero_ = _mm512_set1_epi16(int16_t(zero));
    low_ = _mm512_set1_epi8(char(low)), high_ = _mm512_set1_epi8(char(high));
    turn_ = _mm512_set1_epi8(char(turn));
    order_ = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
#else
    zero_ = _mm256_set1_epi16(int16_t(zero));
    low_ = _mm256_set1_epi8(char(low)), high_ = _mm256_set1_epi8(char(high));
    turn_ = _mm256_set1_epi8(char(turn));
    order_ = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
#endif
  }

  Bytes in_parts(Integers a, Integers b, Integers c, Integers d) const {
#if defined(__AVX512F__)
    const __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a.v, b.v), zero_);
    const __m512i cd = _mm512_adds_epi16(_mm512_packs_epi32(c.v, d.v), zero_);
    const __m512i bytes = _mm512_packus_epi16(ab, cd);
    if (!limits_) return bytes;
    return _mm512_xor_si512(_mm512_min_epu8(_mm512_max_epu8(bytes, low_), high_), turn_);
#else
    const __m256i ab = _mm256_adds_epi16(_mm256_packs_epi32(a.v, b.v), zero_);
    const __m256i cd = _mm256_adds_epi16(_mm256_packs_epi32(c.v, d.v), zero_);
    const __m256i bytes = _mm256_packus_epi16(ab, cd);
    if (!limits_) return bytes;
    return _mm256_xor_si256(_mm256_min_epu8(_mm256_max_epu8(bytes, low_), high_), turn_);
#endif
  }
  // The bytes of a, then those of b, c and d.
  Bytes in_order(Integers a, Integers b, Integers c, Integers d) const {
#if defined(__AVX512F__)
    return _mm512_permutexvar_epi32(order_, in_parts(a, b, c, d));
#else
    return _mm256_permutevar8x32_epi32(in_parts(a, b, c, d), order_);
#endif
  }

  // The bytes of four vectors in order, kVectors of them to each of `count` rows, `step` apart; of
  // each the first `columns`, all where vectors cannot be stored in part.
  template <int kVectors>
  static void store(Bytes x, uint8_t* to, int64_t step, int64_t count, int64_t columns) {
#if defined(__AVX512F__)
    const auto first = [&] { return (uint64_t{1} << columns) - 1; };
    if constexpr (kVectors == 4)
      return columns >= 64 ? _mm512_storeu_si512(to, x) : _mm512_mask_storeu_epi8(to, first(), x);
    if constexpr (kVectors == 2) {
      const auto mask = __mmask32(first());
      _mm256_mask_storeu_epi8(to, mask, _mm512_castsi512_si256(x));
      if (count > 1) _mm256_mask_storeu_epi8(to + step, mask, _mm512_extracti64x4_epi64(x, 1));
      return;
    }
    const auto mask = __mmask16(first());
    const auto part = [&](int i, __m128i bytes) {
      if (count > i) _mm_mask_storeu_epi8(to + i * step, mask, bytes);
    };
    part(0, _mm512_castsi512_si128(x));
    part(1, _mm512_extracti32x4_epi32(x, 1));
    part(2, _mm512_extracti32x4_epi32(x, 2));
    part(3, _mm512_extracti32x4_epi32(x, 3));
#else
    (void)columns;
    const __m128i low = _mm256_castsi256_si128(x), high = _mm256_extracti128_si256(x, 1);
    if constexpr (kVectors == 4) return _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), x);
    if constexpr (kVectors == 2) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), low);
      if (count > 1) _mm_storeu_si128(reinterpret_cast<__m128i*>(to + step), high);
      return;
    }
    const auto part = [&](int i, __m128i bytes) {
      if (count > i) _mm_storel_epi64(reinterpret_cast<__m128i*>(to + i * step), bytes);
    };
    part(0, low);
    part(1, _mm_unpackhi_epi64(low, low));
    part(2, high);
    part(3, _mm_unpackhi_epi64(high, high));
#endif
  }

 private:
  Bytes zero_, low_, high_, turn_, order_;
  bool limits_;  // beyond those of unsigned bytes
};

#endif

}  // namespace
}  // namespace hone::kernels
