// Matrix products with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/gemm/tile.h"

namespace hone::kernels {
namespace {

inline __mmask16 first(int64_t n) {
  return __mmask16(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
}

// Four columns of rows `row`, `row` + 4, + 8, + 12, one in each part of the vector; of the last row
// instead of those behind it.
inline __m512 quarters(const float* a, int64_t a_row, int64_t row, int64_t last) {
  const auto part = [&](int64_t r) { return _mm_loadu_ps(a + (r < last ? r : last) * a_row); };
  __m512 x = _mm512_castps128_ps512(part(row));
  x = _mm512_insertf32x4(x, part(row + 4), 1);
  x = _mm512_insertf32x4(x, part(row + 8), 2);
  return _mm512_insertf32x4(x, part(row + 12), 3);
}

void pack(const float* a, int64_t a_row, int64_t rows, int64_t depth, float* to, int64_t to_step) {
  const int64_t last = rows - 1;
  const __mmask16 mask = first(rows);
  int64_t k = 0;
  for (; k + 4 <= depth; k += 4, a += 4, to += 4 * to_step) {
    const __m512 q0 = quarters(a, a_row, 0, last), q1 = quarters(a, a_row, 1, last);
    const __m512 q2 = quarters(a, a_row, 2, last), q3 = quarters(a, a_row, 3, last);
    const __m512d left = _mm512_castps_pd(_mm512_unpacklo_ps(q0, q1));
    const __m512d left_high = _mm512_castps_pd(_mm512_unpackhi_ps(q0, q1));
    const __m512d right = _mm512_castps_pd(_mm512_unpacklo_ps(q2, q3));
    const __m512d right_high = _mm512_castps_pd(_mm512_unpackhi_ps(q2, q3));
    const auto store = [&](int column, __m512d x) {
      _mm512_mask_storeu_ps(to + column * to_step, mask, _mm512_castpd_ps(x));
    };
    store(0, _mm512_unpacklo_pd(left, right));
    store(1, _mm512_unpackhi_pd(left, right));
    store(2, _mm512_unpacklo_pd(left_high, right_high));
    store(3, _mm512_unpackhi_pd(left_high, right_high));
  }
  for (; k < depth; ++k, ++a, to += to_step)
    for (int64_t r = 0; r < rows; ++r) to[r] = a[r * a_row];
}

// Rows lie one after the other, as do those they come from, or with one between.
template <int kStep>
void spread_rows(const float* from, int64_t from_column, int64_t rows, int64_t columns, float* to,
                 int64_t to_column) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  for (int64_t i = 0; i < rows; i += 16) {
    const int64_t floats = kStep * (rows - i) - (kStep - 1);  // the last one has none behind it
    const __mmask16 mask = first(rows - i), left = first(floats), right = first(floats - 16);
    for (int64_t j = 0; j < columns; ++j) {
      const float* at = from + kStep * i + j * from_column;
      __m512 x = _mm512_maskz_loadu_ps(left, at);
      if constexpr (kStep == 2)
        x = _mm512_permutex2var_ps(x, even, _mm512_maskz_loadu_ps(right, at + 16));
      _mm512_mask_storeu_ps(to + i + j * to_column, mask, x);
    }
  }
}

void spread(const float* from, Steps from_steps, int64_t rows, int64_t columns, float* to,
            Steps to_steps) {
  if (to_steps.row == 1 && from_steps.row == 1)
    return spread_rows<1>(from, from_steps.column, rows, columns, to, to_steps.column);
  if (to_steps.row == 1 && from_steps.row == 2)
    return spread_rows<2>(from, from_steps.column, rows, columns, to, to_steps.column);
  spread_each(from, from_steps, rows, columns, to, to_steps);
}

}  // namespace

const GemmKernel kGemmAvx512{14,   2 * Vector::kWidth, pack,   tile<14, 2>,
                             thin, finish_rows,        spread, copy};

}  // namespace hone::kernels
