// Transposes with the vectors of the including file's instruction set: square tiles as wide as a
// vector.
#pragma once

#include "kernels/transposes/transposes.h"
#include "kernels/vector.h"

namespace hone::kernels {
namespace {

constexpr int64_t kW = Vector::kWidth;

#if defined(__AVX512F__)

// Rows and columns up to 16; what is beyond is neither read nor written.
inline void tile(const Word* in, int64_t in_row, Word* out, int64_t out_row, int64_t rows,
                 int64_t columns) {
  const auto mask_of = [](int64_t n) { return __mmask16(n >= 16 ? 0xffff : (1 << n) - 1); };
  const __mmask16 across = mask_of(columns), down = mask_of(rows);
  __m512i a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i)
    a[i] = i < rows ? _mm512_maskz_loadu_epi32(across, in + i * in_row) : _mm512_setzero_si512();
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  // Now a[4 q + k] holds, in its lane l, rows 4 q … 4 q + 3 of column 4 l + k.
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const __m512i p = _mm512_shuffle_i32x4(a[k], a[4 + k], 0x88);
    const __m512i q = _mm512_shuffle_i32x4(a[k], a[4 + k], 0xdd);
    const __m512i r = _mm512_shuffle_i32x4(a[8 + k], a[12 + k], 0x88);
    const __m512i s = _mm512_shuffle_i32x4(a[8 + k], a[12 + k], 0xdd);
    b[k] = _mm512_shuffle_i32x4(p, r, 0x88);
    b[8 + k] = _mm512_shuffle_i32x4(p, r, 0xdd);
    b[4 + k] = _mm512_shuffle_i32x4(q, s, 0x88);
    b[12 + k] = _mm512_shuffle_i32x4(q, s, 0xdd);
  }
#pragma GCC unroll 16
  for (int j = 0; j < 16; ++j)
    if (j < columns) _mm512_mask_storeu_epi32(out + j * out_row, down, b[j]);
}

void permute(const Word* in, const int32_t* order, Word* out, int64_t n) {
  int64_t i = 0;
  for (; i + kW <= n; i += kW)
    _mm512_storeu_si512(out + i, _mm512_i32gather_epi32(_mm512_loadu_si512(order + i), in, 4));
  for (; i < n; ++i) out[i] = in[order[i]];
}

#else

#if defined(__AVX2__)

inline void full_tile(const Word* in, int64_t in_row, Word* out, int64_t out_row) {
  __m256 a[8], b[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i)
    a[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(in + i * in_row));
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
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
    b[k] = _mm256_permute2f128_ps(a[k], a[4 + k], 0x20);
    b[4 + k] = _mm256_permute2f128_ps(a[k], a[4 + k], 0x31);
  }
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) _mm256_storeu_ps(reinterpret_cast<float*>(out + j * out_row), b[j]);
}

#else

inline void full_tile(const Word* in, int64_t in_row, Word* out, int64_t out_row) {
  for (int64_t i = 0; i < kW; ++i)
    for (int64_t j = 0; j < kW; ++j) out[j * out_row + i] = in[i * in_row + j];
}

#endif

inline void tile(const Word* in, int64_t in_row, Word* out, int64_t out_row, int64_t rows,
                 int64_t columns) {
  if (rows == kW && columns == kW) return full_tile(in, in_row, out, out_row);
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) out[j * out_row + i] = in[i * in_row + j];
}

void permute(const Word* in, const int32_t* order, Word* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = in[order[i]];
}

#endif

void plane(const Word* in, int64_t in_row, Word* out, int64_t out_row, int64_t rows,
           int64_t columns) {
  for (int64_t j = 0; j < columns; j += kW) {
    const int64_t across = columns - j < kW ? columns - j : kW;
    for (int64_t i = 0; i < rows; i += kW)
      tile(in + i * in_row + j, in_row, out + j * out_row + i, out_row,
           rows - i < kW ? rows - i : kW, across);
  }
}

constexpr TransposeKernels kTransposes{plane, permute};

}  // namespace
}  // namespace hone::kernels
