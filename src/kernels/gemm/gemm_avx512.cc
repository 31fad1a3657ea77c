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

void pack(const float* a, int64_t a_row, int64_t rows, int64_t depth, float* to, int64_t to_step) {
  const int64_t last = rows - 1;
  const auto mask = __mmask16((1u << rows) - 1);
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

}  // namespace

const GemmKernel kGemmAvx512{14, 2 * Vector::kWidth, pack, tile<14, 2>, thin, finish_rows, copy};

}  // namespace hone::kernels
