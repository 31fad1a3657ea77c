// Dot products of bytes in vectors of 512 bits.
#pragma once

#include "kernels/block_gemm/dots.h"

namespace hone::kernels {
namespace {

struct Dots {
  static constexpr int64_t kWidth = 16;
  using Bytes = __m512i;
  using Group = __m512i;
  __m512i v;
  static Dots all(int32_t x) { return {_mm512_set1_epi32(x)}; }
  static Bytes bytes(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static Group group(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
  }
  // In the register where the sum is: compilers move sums about.
  void dot(Bytes b, Group a) { asm("vpdpbusd %2, %1, %0" : "+v"(v) : "v"(b), "v"(a)); }
  void end_unit() {}
  Vector real() const { return {_mm512_cvtepi32_ps(v)}; }
  static Vector fused(Vector a, Vector b, Vector c) { return fma(a, b, c); }
};

inline __m512i low_nibbles(__m512i x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
inline __m512i high_nibbles(__m512i x) { return low_nibbles(_mm512_srli_epi16(x, 4)); }

void expand(const BlockExpansion& e) {
  constexpr int64_t kRow = 64, kRows = kUnitBytes / kRow;
  const __m512i less = _mm512_set1_epi8(char(e.less));
  const auto put = [&](__m512i x, uint8_t* to) {
    _mm512_storeu_si512(to, _mm512_sub_epi8(x, less));
  };
  const uint8_t* from = e.codes;
  uint8_t* to = e.to;
  for (int64_t u = 0; u < e.units; ++u, to += kUnitBytes) {
    if (e.nibbles) {
      for (int64_t i = 0; i < kRows / 2; ++i, from += kRow) {
        const __m512i x = _mm512_loadu_si512(from);
        put(low_nibbles(x), to + i * kRow);
        put(high_nibbles(x), to + (kRows / 2 + i) * kRow);
      }
    } else {
      for (int64_t i = 0; i < kRows; ++i, from += kRow)
        put(_mm512_loadu_si512(from), to + i * kRow);
    }
  }
}

}  // namespace
}  // namespace hone::kernels
