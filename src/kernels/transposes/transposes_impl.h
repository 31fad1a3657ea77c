// Transposes with the vectors of the including file's instruction set: square tiles as wide as a
// vector.
#pragma once

#include "kernels/transposes/transposes.h"
#include "kernels/vector.h"
#include "kernels/vector_square.h"

namespace hone::kernels {
namespace {

constexpr int64_t kW = Vector::kWidth;

#if defined(__AVX512F__)

// Rows and columns up to 16; what is beyond is neither read nor written.
inline void tile(const Word* in, int64_t in_row, Word* out, int64_t out_row, int64_t rows,
                 int64_t columns) {
  const auto mask_of = [](int64_t n) { return __mmask16(n >= 16 ? 0xffff : (1 << n) - 1); };
  const __mmask16 across = mask_of(columns), down = mask_of(rows);
  Vector v[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i)
    v[i].v = i < rows ? _mm512_castsi512_ps(_mm512_maskz_loadu_epi32(across, in + i * in_row))
                      : _mm512_setzero_ps();
  transpose(v);
#pragma GCC unroll 16
  for (int j = 0; j < 16; ++j)
    if (j < columns) _mm512_mask_storeu_epi32(out + j * out_row, down, _mm512_castps_si512(v[j].v));
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
  Vector v[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) v[i] = Vector::load(reinterpret_cast<const float*>(in + i * in_row));
  transpose(v);
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) v[j].store(reinterpret_cast<float*>(out + j * out_row));
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

// Up to four rows whose columns come to lie one after the other.
inline void interleave(const Word* in, int64_t in_row, Word* out, int64_t rows, int64_t columns) {
  int64_t j = 0;
#if defined(__AVX512F__)
  // Element p of the result is column p / rows of row p % rows: of the first two, or the others.
  __m512i order[4];
  __mmask16 others[4];
  for (int64_t k = 0; k < rows; ++k) {
    int32_t lanes[16];
    unsigned mask = 0;
    for (int64_t p = 0; p < 16; ++p) {
      const int64_t row = (k * 16 + p) % rows;
      lanes[p] = int32_t((k * 16 + p) / rows + (row & 1) * 16);
      if (row > 1) mask |= 1u << p;
    }
    order[k] = _mm512_loadu_si512(lanes);
    others[k] = __mmask16(mask);
  }
  for (; j + kW <= columns; j += kW) {
    __m512i a[4];
    for (int64_t i = 0; i < 4; ++i)
      a[i] = i < rows ? _mm512_loadu_si512(in + i * in_row + j) : _mm512_setzero_si512();
    for (int64_t k = 0; k < rows; ++k) {
      const __m512i first = _mm512_permutex2var_epi32(a[0], order[k], a[1]);
      const __m512i second = _mm512_permutex2var_epi32(a[2], order[k], a[3]);
      _mm512_storeu_si512(out + j * rows + k * kW, _mm512_mask_mov_epi32(first, others[k], second));
    }
  }
#endif
  for (; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) out[j * rows + i] = in[i * in_row + j];
}

void plane(const Word* in, int64_t in_row, Word* out, int64_t out_row, int64_t rows,
           int64_t columns) {
  if (rows <= 4 && out_row == rows) return interleave(in, in_row, out, rows, columns);
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
