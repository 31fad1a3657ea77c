// Conversions with the vectors of the including file's instruction set. What is left over of a row
// goes through functions of one element, which round in the same way.
#pragma once

#include "kernels/conversions/conversions.h"
#include "kernels/half.h"
#include "kernels/vector.h"

namespace hone::kernels {
namespace {

constexpr int64_t kW = Vector::kWidth;

inline float from_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }
inline uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#if defined(__AVX512F__)

inline __m256i load16(const uint16_t* x) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
}
inline void store16(uint16_t* y, __m256i v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), v);
}
inline void some_from_f16(const uint16_t* x, float* y) {
  _mm512_storeu_ps(y, _mm512_cvtph_ps(load16(x)));
}
inline void some_to_f16(const float* x, uint16_t* y) {
  store16(y, _mm512_cvtps_ph(_mm512_loadu_ps(x), 8));
}
inline void some_from_bf16(const uint16_t* x, float* y) {
  _mm512_storeu_si512(y, _mm512_slli_epi32(_mm512_cvtepu16_epi32(load16(x)), 16));
}
inline void some_to_bf16(const float* x, uint16_t* y) {
  const __m512i bits = _mm512_loadu_si512(x), high = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  __m512i r = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  r = _mm512_srli_epi32(r, 16);
  const __m512 v = _mm512_castsi512_ps(bits);
  const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  r = _mm512_mask_or_epi32(r, nan, high, _mm512_set1_epi32(0x40));
  store16(y, _mm512_cvtepi32_epi16(r));
}

#elif defined(__AVX2__)

inline __m128i load16(const uint16_t* x) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
}
inline void store16(uint16_t* y, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(y), v); }
inline void some_from_f16(const uint16_t* x, float* y) {
  _mm256_storeu_ps(y, _mm256_cvtph_ps(load16(x)));
}
inline void some_to_f16(const float* x, uint16_t* y) {
  store16(y, _mm256_cvtps_ph(_mm256_loadu_ps(x), 0));
}
inline void some_from_bf16(const uint16_t* x, float* y) {
  const __m256i wide = _mm256_slli_epi32(_mm256_cvtepu16_epi32(load16(x)), 16);
  _mm256_storeu_ps(y, _mm256_castsi256_ps(wide));
}
inline void some_to_bf16(const float* x, uint16_t* y) {
  const __m256 v = _mm256_loadu_ps(x);
  const __m256i bits = _mm256_castps_si256(v), high = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  __m256i r = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
  r = _mm256_srli_epi32(r, 16);
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
  r = _mm256_blendv_epi8(r, _mm256_or_si256(high, _mm256_set1_epi32(0x40)), nan);
  store16(y, _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1)));
}

#else

inline void some_from_f16(const uint16_t* x, float* y) {
  for (int64_t i = 0; i < kW; ++i) y[i] = from_f16(x[i]);
}
inline void some_to_f16(const float* x, uint16_t* y) {
  for (int64_t i = 0; i < kW; ++i) y[i] = to_f16(x[i]);
}
inline void some_from_bf16(const uint16_t* x, float* y) {
  for (int64_t i = 0; i < kW; ++i) y[i] = from_bf16(x[i]);
}
inline void some_to_bf16(const float* x, uint16_t* y) {
  for (int64_t i = 0; i < kW; ++i) y[i] = to_bf16(x[i]);
}

#endif

template <class X, class Y, class Some, class One>
inline void convert(const X* x, Y* y, int64_t n, Some some, One one) {
  int64_t i = 0;
  for (; i + kW <= n; i += kW) some(x + i, y + i);
  for (; i < n; ++i) y[i] = one(x[i]);
}

void f16_to_f32(const uint16_t* x, float* y, int64_t n) {
  convert(x, y, n, some_from_f16, from_f16);
}
void f32_to_f16(const float* x, uint16_t* y, int64_t n) { convert(x, y, n, some_to_f16, to_f16); }
void bf16_to_f32(const uint16_t* x, float* y, int64_t n) {
  convert(x, y, n, some_from_bf16, from_bf16);
}
void f32_to_bf16(const float* x, uint16_t* y, int64_t n) {
  convert(x, y, n, some_to_bf16, to_bf16);
}

constexpr ConversionKernels kConversions{f16_to_f32, f32_to_f16, bf16_to_f32, f32_to_bf16};

}  // namespace
}  // namespace hone::kernels
