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

// Half a panel: two sums for each column, side by side, those of the even and of the odd half of
// each group. Sums, parts of the panel and a group of a row are as much as registers hold.
template <int kRows>
void half_panel(const IntegerTile& t, const int8_t* b, int32_t* to) {
  __m256i sums[kRows][2];
#pragma GCC unroll 5
  for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_si256();
  for (int64_t k = 0; k < t.depth; k += kDepthGroup, b += kDepthGroup * kIntegerPanel) {
    const auto wide = [&](int q) {
      return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + 16 * q)));
    };
    const __m256i first = wide(0), second = wide(1);
#pragma GCC unroll 5
    for (int r = 0; r < kRows; ++r) {
      int64_t group;
      std::memcpy(&group, t.a + r * t.a_step + 2 * k, sizeof group);
      const __m256i a = _mm256_set1_epi64x(group);
      // In the registers where the sums are: the compiler would compute all products first.
      asm("vpaddd %1, %0, %0" : "+x"(sums[r][0]) : "x"(_mm256_madd_epi16(a, first)));
      asm("vpaddd %1, %0, %0" : "+x"(sums[r][1]) : "x"(_mm256_madd_epi16(a, second)));
    }
  }
#pragma GCC unroll 5
  for (int r = 0; r < kRows; ++r, to += t.sums_step) {
    const __m256i pairs = _mm256_hadd_epi32(sums[r][0], sums[r][1]);
    __m256i whole = _mm256_permute4x64_epi64(pairs, 0xd8);
    auto* at = reinterpret_cast<__m256i*>(to);
    if (t.add) whole = _mm256_add_epi32(whole, _mm256_loadu_si256(at));
    _mm256_storeu_si256(at, whole);
  }
}

template <int kRows>
void panels(const IntegerTile& t) {
  if constexpr (kRows > 1)
    if (t.rows < kRows) return panels<kRows - 1>(t);
  for (int64_t p = 0; p < t.panels; ++p)
    for (int64_t half = 0; half < 2; ++half)
      half_panel<kRows>(t, t.b + p * t.panel_step + half * kDepthGroup * kIntegerPanel / 2,
                        t.sums + p * kIntegerPanel + half * kIntegerPanel / 2);
}

}  // namespace

const IntegerGemmKernel kIntegerGemmAvx2{.rows = 5,
                                         .panels = 1,
                                         .row_unit = 1,
                                         .depth_unit = kDepthGroup,
                                         .prepare = prepare,
                                         .widened = 2,
                                         .tile = panels<5>,
                                         .finish = finish,
                                         .row_sums = row_sums};

}  // namespace hone::kernels
