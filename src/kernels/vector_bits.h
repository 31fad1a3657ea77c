// Vectors taken apart: exponents, integral parts, equality.
#pragma once

#include "kernels/vector.h"

namespace hone::kernels {
namespace {

#if defined(__AVX512F__)

inline Mask operator==(Vector a, Vector b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
inline Mask operator<=(Vector a, Vector b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
inline Vector floor_of(Vector x) { return {_mm512_roundscale_ps(x.v, 9)}; }
inline Vector ceiling_of(Vector x) { return {_mm512_roundscale_ps(x.v, 10)}; }
inline Vector truncated(Vector x) { return {_mm512_roundscale_ps(x.v, 11)}; }
// To the nearest, halves to the even one; any size.
inline Vector nearest(Vector x) { return {_mm512_roundscale_ps(x.v, 8)}; }
// Of a positive normal number: floor(log2(x)), and x over two to the power of that.
inline Vector exponent_of(Vector x) { return {_mm512_getexp_ps(x.v)}; }
inline Vector significand_of(Vector x) {
  return {_mm512_getmant_ps(x.v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero)};
}
// a * b - product without rounding, where product is a * b rounded.
inline Vector residue(Vector a, Vector b, Vector product) {
  return {_mm512_fmsub_ps(a.v, b.v, product.v)};
}

#elif defined(__AVX2__)

inline Mask operator==(Vector a, Vector b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
inline Mask operator<=(Vector a, Vector b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
inline Vector floor_of(Vector x) { return {_mm256_round_ps(x.v, 9)}; }
inline Vector ceiling_of(Vector x) { return {_mm256_round_ps(x.v, 10)}; }
inline Vector truncated(Vector x) { return {_mm256_round_ps(x.v, 11)}; }
inline Vector nearest(Vector x) { return {_mm256_round_ps(x.v, 8)}; }
inline Vector exponent_of(Vector x) {
  const __m256i e = _mm256_srli_epi32(_mm256_castps_si256(x.v), 23);
  return {_mm256_cvtepi32_ps(_mm256_sub_epi32(e, _mm256_set1_epi32(127)))};
}
inline Vector significand_of(Vector x) {
  const __m256i bits = _mm256_and_si256(_mm256_castps_si256(x.v), _mm256_set1_epi32(0x007fffff));
  return {_mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_set1_epi32(0x3f800000)))};
}
inline Vector residue(Vector a, Vector b, Vector product) {
  return {_mm256_fmsub_ps(a.v, b.v, product.v)};
}

#else

inline Mask operator==(Vector a, Vector b) { return {a.v == b.v}; }
inline Mask operator<=(Vector a, Vector b) { return {a.v <= b.v}; }
// From 2^23 on, floats are integers; smaller ones fit an int32_t.
inline Vector truncated(Vector x) {
  const auto whole =
      __builtin_convertvector(__builtin_convertvector(x.v, Mask::Lanes), Vector::Lanes);
  const Vector cut = with_sign({whole}, x);
  return select(absolute(x) < Vector::all(8388608.0f), cut, x);
}
inline Vector floor_of(Vector x) {
  const Vector t = truncated(x);
  return select(x < t, t - Vector::all(1.0f), t);
}
inline Vector ceiling_of(Vector x) {
  const Vector t = truncated(x);
  return with_sign(select(t < x, t + Vector::all(1.0f), t), x);
}
inline Vector nearest(Vector x) {
  const Vector a = absolute(x), whole = {(a.v + 8388608.0f) - 8388608.0f};
  return with_sign(select(a < Vector::all(8388608.0f), whole, a), x);
}
inline Vector exponent_of(Vector x) {
  const Mask::Lanes e = (std::bit_cast<Mask::Lanes>(x.v) >> 23) - 127;
  return {__builtin_convertvector(e, Vector::Lanes)};
}
inline Vector significand_of(Vector x) {
  return {
      std::bit_cast<Vector::Lanes>((std::bit_cast<Mask::Lanes>(x.v) & 0x007fffff) | 0x3f800000)};
}
inline Vector residue(Vector a, Vector b, Vector product) {
  Vector out;
  for (int i = 0; i < 4; ++i)
    out.v[i] = float(double(a.v[i]) * double(b.v[i]) - double(product.v[i]));
  return out;
}

#endif

}  // namespace
}  // namespace hone::kernels
