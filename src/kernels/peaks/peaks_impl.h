// The loops of peaks.h, for the instruction set of the including file.
#pragma once

#include "kernels/peaks/peaks.h"
#include "kernels/vector.h"

namespace hone::kernels {
namespace {

// As many sums as hide the latency of a multiply-add: 4 or 5 cycles, two of them a cycle.
constexpr int kChains = 12;

float busy_f32(int64_t iterations) {
  Vector sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = Vector::all(float(i));
  // The factor is not known to the compiler, and keeps the sums finite.
  volatile float one = 1.0f;
  const Vector factor = Vector::all(one), term = Vector::all(one);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = fma(sums[i], factor, term);
  }
  for (int i = 1; i < kChains; ++i) sums[0] = sums[0] + sums[i];
  float lanes[Vector::kWidth];
  sums[0].store(lanes);
  return lanes[0];
}

float read_floats(const float* x, int64_t n) {
  constexpr int64_t kStep = 8 * Vector::kWidth;
  Vector sums[8];
  for (Vector& sum : sums) sum = Vector::zero();
  for (int64_t i = 0; i + kStep <= n; i += kStep) {
    __builtin_prefetch(x + i + 1024);
#pragma GCC unroll 8
    for (int64_t v = 0; v < 8; ++v) sums[v] = sums[v] + Vector::load(x + i + v * Vector::kWidth);
  }
  for (int v = 1; v < 8; ++v) sums[0] = sums[0] + sums[v];
  float lanes[Vector::kWidth];
  sums[0].store(lanes);
  return lanes[0];
}

#if defined(__AVX512F__)
// Adds 64 products of unsigned and signed bytes.
inline __m512i dot(__m512i sum, __m512i a, __m512i b) {
  return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1)));
}
int32_t busy_int8(int64_t iterations) {
  __m512i sums[kChains];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  volatile int one = 1;
  const __m512i a = _mm512_set1_epi8(char(one));
  for (int64_t n = 0; n < iterations; ++n) {
    __m512i b = _mm512_set1_epi32(int(n));
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      asm volatile("" : "+v"(b));  // else the compiler would compute the product once
      sums[i] = dot(sums[i], a, b);
    }
  }
  for (int i = 1; i < kChains; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  return _mm_cvtsi128_si32(_mm512_castsi512_si128(sums[0]));
}
constexpr int64_t kProducts = kChains * 64;

#elif defined(__AVX2__)
// Adds 32 products of unsigned and signed bytes.
inline __m256i dot(__m256i sum, __m256i a, __m256i b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
}
int32_t busy_int8(int64_t iterations) {
  constexpr int kSums = 8;
  __m256i sums[kSums];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  volatile int one = 1;
  const __m256i a = _mm256_set1_epi8(char(one));
  for (int64_t n = 0; n < iterations; ++n) {
    __m256i b = _mm256_set1_epi32(int(n));
#pragma GCC unroll 8
    for (int i = 0; i < kSums; ++i) {
      asm volatile("" : "+x"(b));  // else the compiler would compute the product once
      sums[i] = dot(sums[i], a, b);
    }
  }
  for (int i = 1; i < kSums; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  return _mm_cvtsi128_si32(_mm256_castsi256_si128(sums[0]));
}
constexpr int64_t kProducts = 8 * 32;

#else
int32_t busy_int8(int64_t iterations) {
  constexpr int kSums = 16;
  int32_t sums[kSums] = {};
  volatile int one = 1;
  for (int64_t n = 0; n < iterations; ++n) {
    const int8_t a = int8_t(one), b = int8_t(n);
    for (int i = 0; i < kSums; ++i) sums[i] += int32_t(a) * int32_t(int8_t(b + i));
  }
  int32_t sum = 0;
  for (const int32_t s : sums) sum += s;
  return sum;
}
constexpr int64_t kProducts = 16;
#endif

constexpr PeakKernels kPeaks{busy_f32, 2 * kChains* Vector::kWidth, busy_int8, 2 * kProducts,
                             read_floats};

}  // namespace
}  // namespace hone::kernels
