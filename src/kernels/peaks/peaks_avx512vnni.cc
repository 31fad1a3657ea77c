// The peak of products of bytes as dot products (VNNI); the others as AVX-512 has them.
#include "kernels/peaks/peaks_impl.h"

namespace hone::kernels {
namespace {

int32_t busy_dots(int64_t iterations) {
  __m512i sums[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_setzero_si512();
  volatile int one = 1;
  const __m512i a = _mm512_set1_epi8(char(one)), b = _mm512_set1_epi8(char(one));
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i)
      asm("vpdpbusd %2, %1, %0" : "+v"(sums[i]) : "v"(a), "v"(b));  // compilers move sums about
  }
#pragma GCC unroll 12
  for (int i = 1; i < kChains; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  return _mm_cvtsi128_si32(_mm512_castsi512_si128(sums[0]));
}

}  // namespace

const PeakKernels kPeaksAvx512Vnni{busy_f32, 2 * kChains* Vector::kWidth, busy_dots,
                                   2 * kChains * 64, read_floats};

}  // namespace hone::kernels
