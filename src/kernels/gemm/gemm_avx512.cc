// Matrix products with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/gemm/tile.h"

namespace hone::kernels {
namespace {

// Four columns of four rows, `step` rows apart: a row in each part of the vector.
inline __m512 quarters(const float* a, int64_t a_row, int64_t row, int64_t last) {
  const auto part = [&](int64_t r) { return _mm_loadu_ps(a + (r < last ? r : last) * a_row); };
  __m512 x = _mm512_castps128_ps512(part(row));
  x = _mm512_insertf32x4(x, part(row + 4), 1);
  x = _mm512_insertf32x4(x, part(row + 8), 2);
  return _mm512_insertf32x4(x, part(row + 12), 3);
}

// Columns are stored whole, 16 elements each: the next one overwrites what is beyond the rows.
void pack(const float* a, int64_t a_row, int64_t rows, int64_t depth, float* to) {
  const int64_t last = rows - 1;
  int64_t k = 0;
  for (; k + 4 <= depth; k += 4, a += 4, to += 4 * rows) {
    const __m512 q0 = quarters(a, a_row, 0, last), q1 = quarters(a, a_row, 1, last);
    const __m512 q2 = quarters(a, a_row, 2, last), q3 = quarters(a, a_row, 3, last);
    const __m512d left = _mm512_castps_pd(_mm512_unpacklo_ps(q0, q1));
    const __m512d left_high = _mm512_castps_pd(_mm512_unpackhi_ps(q0, q1));
    const __m512d right = _mm512_castps_pd(_mm512_unpacklo_ps(q2, q3));
    const __m512d right_high = _mm512_castps_pd(_mm512_unpackhi_ps(q2, q3));
    _mm512_storeu_pd(to, _mm512_unpacklo_pd(left, right));
    _mm512_storeu_pd(to + rows, _mm512_unpackhi_pd(left, right));
    _mm512_storeu_pd(to + 2 * rows, _mm512_unpacklo_pd(left_high, right_high));
    _mm512_storeu_pd(to + 3 * rows, _mm512_unpackhi_pd(left_high, right_high));
  }
  for (; k < depth; ++k, ++a, to += rows)
    for (int64_t r = 0; r < rows; ++r) to[r] = a[r * a_row];
}

}  // namespace

const GemmKernel kGemmAvx512{14, 2 * Vector::kWidth, pack, tile<14, 2>, thin, finish_rows, copy};

}  // namespace hone::kernels
