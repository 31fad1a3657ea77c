// Products of bytes with AVX2 alone. Its instruction for bytes saturates sums of pairs, so bytes
// are widened and multiplied as pairs of 16 bits, which is exact.
#include "kernels/integer_gemm/finish_impl.h"

namespace hone::kernels {
namespace {

// Bytes become 16 bits.
void prepare(const uint8_t* a, int64_t a_step, int64_t rows, int64_t depth, uint8_t* to) {
  for (int64_t r = 0; r < rows; ++r, a += a_step) {
    int64_t k = 0;
    for (; k + 16 <= depth; k += 16, to += 32) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a + k));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_cvtepu8_epi16(bytes));
    }
    for (; k < depth; ++k, to += 2) {
      const uint16_t wide = a[k];
      std::memcpy(to, &wide, sizeof wide);
    }
  }
}

// Two sums for each column, side by side: those of the even and of the odd half of each group.
template <int kRows>
void panel(const IntegerTile& t, const int8_t* b, int32_t* to) {
  __m256i sums[kRows][4];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sums[r][q] = _mm256_setzero_si256();
  for (int64_t k = 0; k < t.depth; k += kDepthGroup, b += kDepthGroup * kIntegerPanel) {
    __m256i a[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      int64_t group;
      std::memcpy(&group, t.a + r * t.a_step + 2 * k, sizeof group);
      a[r] = _mm256_set1_epi64x(group);
    }
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) {
      const __m256i wide =
          _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + 16 * q)));
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r)
        sums[r][q] = _mm256_add_epi32(sums[r][q], _mm256_madd_epi16(a[r], wide));
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r, to += t.sums_step)
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m256i pairs = _mm256_hadd_epi32(sums[r][2 * half], sums[r][2 * half + 1]);
      __m256i whole = _mm256_permute4x64_epi64(pairs, 0xd8);
      auto* at = reinterpret_cast<__m256i*>(to + 8 * half);
      if (t.add) whole = _mm256_add_epi32(whole, _mm256_loadu_si256(at));
      _mm256_storeu_si256(at, whole);
    }
}

void tile(const IntegerTile& t) {
  for (int64_t p = 0; p < t.panels; ++p) {
    const int8_t* b = t.b + p * t.panel_step;
    int32_t* to = t.sums + p * kIntegerPanel;
    switch (t.rows) {
      case 3: panel<3>(t, b, to); break;
      case 2: panel<2>(t, b, to); break;
      default: panel<1>(t, b, to);
    }
  }
}

}  // namespace

const IntegerGemmKernel kIntegerGemmAvx2{3,       1,       1,       kDepthGroup, prepare, 2,
                                         tile,    nullptr, nullptr, nullptr,     nullptr, 0,
                                         nullptr, nullptr, finish,  row_sums};

}  // namespace hone::kernels
