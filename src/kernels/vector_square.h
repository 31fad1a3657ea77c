// As many vectors as each has elements, transposed in registers, for the files of one instruction
// set.
#pragma once

#include "kernels/vector.h"

namespace hone::kernels {
namespace {

// Element j of v[i] becomes element i of v[j].
#if defined(__AVX512F__)

inline void transpose(Vector (&v)[16]) {
  __m512 b[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(v[i].v, v[i + 1].v);
    b[i + 1] = _mm512_unpackhi_ps(v[i].v, v[i + 1].v);
  }
  const auto low = [](__m512 x, __m512 y) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
  };
  const auto high = [](__m512 x, __m512 y) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
  };
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    v[i].v = low(b[i], b[i + 2]);
    v[i + 1].v = high(b[i], b[i + 2]);
    v[i + 2].v = low(b[i + 1], b[i + 3]);
    v[i + 3].v = high(b[i + 1], b[i + 3]);
  }
  // Now v[4 q + k] holds, in its lane l, rows 4 q … 4 q + 3 of column 4 l + k.
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const __m512 p = _mm512_shuffle_f32x4(v[k].v, v[4 + k].v, 0x88);
    const __m512 q = _mm512_shuffle_f32x4(v[k].v, v[4 + k].v, 0xdd);
    const __m512 r = _mm512_shuffle_f32x4(v[8 + k].v, v[12 + k].v, 0x88);
    const __m512 s = _mm512_shuffle_f32x4(v[8 + k].v, v[12 + k].v, 0xdd);
    b[k] = _mm512_shuffle_f32x4(p, r, 0x88);
    b[8 + k] = _mm512_shuffle_f32x4(p, r, 0xdd);
    b[4 + k] = _mm512_shuffle_f32x4(q, s, 0x88);
    b[12 + k] = _mm512_shuffle_f32x4(q, s, 0xdd);
  }
#pragma GCC unroll 16
  for (int j = 0; j < 16; ++j) v[j].v = b[j];
}

#elif defined(__AVX2__)

inline void transpose(Vector (&v)[8]) {
  __m256 a[8], b[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(v[i].v, v[i + 1].v);
    b[i + 1] = _mm256_unpackhi_ps(v[i].v, v[i + 1].v);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    v[k].v = _mm256_permute2f128_ps(a[k], a[4 + k], 0x20);
    v[4 + k].v = _mm256_permute2f128_ps(a[k], a[4 + k], 0x31);
  }
}

#else

inline void transpose(Vector (&v)[4]) {
  const auto ab = __builtin_shufflevector(v[0].v, v[1].v, 0, 4, 1, 5);
  const auto cd = __builtin_shufflevector(v[2].v, v[3].v, 0, 4, 1, 5);
  const auto ab2 = __builtin_shufflevector(v[0].v, v[1].v, 2, 6, 3, 7);
  const auto cd2 = __builtin_shufflevector(v[2].v, v[3].v, 2, 6, 3, 7);
  v[0].v = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  v[1].v = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  v[2].v = __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
  v[3].v = __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
}

#endif

}  // namespace
}  // namespace hone::kernels
