// A vector of floats of the instruction set that the including file is compiled for.
//
// Included only by the files of one instruction set (cmake/kernels.cmake), which are compiled with
// flags of their own. Everything is in an unnamed namespace: the linker must never take code of one
// instruction set for that of another.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace hone::kernels {
namespace {

#if defined(__AVX512F__)

struct Mask {
  __mmask16 m;
};
struct Vector {
  static constexpr int64_t kWidth = 16;
  __m512 v;
  static Vector zero() { return {_mm512_setzero_ps()}; }
  static Vector all(float x) { return {_mm512_set1_ps(x)}; }
  static Vector load(const float* p) { return {_mm512_loadu_ps(p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  // The first n elements, 0 <= n <= kWidth; zeros behind them.
  static Vector load(const float* p, int64_t n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
  void store(float* p, int64_t n) const { _mm512_mask_storeu_ps(p, first(n), v); }

 private:
  static __mmask16 first(int64_t n) { return __mmask16((1u << n) - 1); }
};
// a * b + c, rounded once.
inline Vector fma(Vector a, Vector b, Vector c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// The same in the register of c: compilers move sums about, and moves are work for the front end.
inline Vector fma_in_place(Vector a, Vector b, Vector c) {
  __m512 sum = c.v;
  asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(b.v), "v"(a.v));
  return {sum};
}
// The same for a number in memory, which the instruction reads: compilers read it once for several.
inline constexpr bool kReadsWithFma = true;
inline Vector fma_read(const float* a, Vector b, Vector c) {
  __m512 sum = c.v;
  asm("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(b.v), "m"(*a));
  return {sum};
}
inline Vector operator+(Vector a, Vector b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vector operator-(Vector a, Vector b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vector operator*(Vector a, Vector b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vector operator/(Vector a, Vector b) { return {_mm512_div_ps(a.v, b.v)}; }
// The second operand where either is NaN, as the instruction does.
inline Vector min(Vector a, Vector b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Vector max(Vector a, Vector b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Mask operator<(Vector a, Vector b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask is_nan(Vector a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
inline Vector select(Mask m, Vector yes, Vector no) {
  return {_mm512_mask_blend_ps(m.m, no.v, yes.v)};
}
inline Vector absolute(Vector x) { return {_mm512_abs_ps(x.v)}; }
inline Vector with_sign(Vector magnitude, Vector sign) {
  const __m512i bit = _mm512_set1_epi32(INT32_MIN);
  return {_mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(magnitude.v),
                                              _mm512_and_si512(_mm512_castps_si512(sign.v), bit)))};
}
inline Vector rounded(Vector x) { return {_mm512_roundscale_ps(x.v, 8)}; }
// 2^n for integral n in [-126, 127].
inline Vector power_of_two(Vector n) {
  const __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(e, 23))};
}
inline Vector square_root(Vector x) { return {_mm512_sqrt_ps(x.v)}; }

#elif defined(__AVX2__)

struct Mask {
  __m256 m;
};
struct Vector {
  static constexpr int64_t kWidth = 8;
  __m256 v;
  static Vector zero() { return {_mm256_setzero_ps()}; }
  static Vector all(float x) { return {_mm256_set1_ps(x)}; }
  static Vector load(const float* p) { return {_mm256_loadu_ps(p)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  static Vector load(const float* p, int64_t n) { return {_mm256_maskload_ps(p, first(n))}; }
  void store(float* p, int64_t n) const { _mm256_maskstore_ps(p, first(n), v); }

 private:
  static __m256i first(int64_t n) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), lanes);
  }
};
inline Vector fma(Vector a, Vector b, Vector c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline constexpr bool kReadsWithFma = false;
inline Vector fma_in_place(Vector a, Vector b, Vector c) { return fma(a, b, c); }
inline Vector fma_read(const float* a, Vector b, Vector c) { return fma(Vector::all(*a), b, c); }
inline Vector operator+(Vector a, Vector b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vector operator-(Vector a, Vector b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vector operator*(Vector a, Vector b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vector operator/(Vector a, Vector b) { return {_mm256_div_ps(a.v, b.v)}; }
inline Vector min(Vector a, Vector b) { return {_mm256_min_ps(a.v, b.v)}; }
inline Vector max(Vector a, Vector b) { return {_mm256_max_ps(a.v, b.v)}; }
inline Mask operator<(Vector a, Vector b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask is_nan(Vector a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
inline Vector select(Mask m, Vector yes, Vector no) { return {_mm256_blendv_ps(no.v, yes.v, m.m)}; }
inline Vector absolute(Vector x) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), x.v)}; }
inline Vector with_sign(Vector magnitude, Vector sign) {
  return {_mm256_or_ps(magnitude.v, _mm256_and_ps(sign.v, _mm256_set1_ps(-0.0f)))};
}
inline Vector rounded(Vector x) {
  return {_mm256_round_ps(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
inline Vector power_of_two(Vector n) {
  const __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(e, 23))};
}
inline Vector square_root(Vector x) { return {_mm256_sqrt_ps(x.v)}; }

#else

// Four lanes in the compiler's own vector types: SSE2 on x86-64, NEON on AArch64.
struct Mask {
  using Lanes = int32_t __attribute__((vector_size(16)));
  Lanes m;
};
struct Vector {
  static constexpr int64_t kWidth = 4;
  using Lanes = float __attribute__((vector_size(16)));
  Lanes v;
  static Vector zero() { return {Lanes{}}; }
  static Vector all(float x) { return {Lanes{x, x, x, x}}; }
  static Vector load(const float* p) {
    Vector out;
    std::memcpy(&out.v, p, sizeof out.v);
    return out;
  }
  void store(float* p) const { std::memcpy(p, &v, sizeof v); }
  static Vector load(const float* p, int64_t n) {
    Vector out = zero();
    for (int64_t i = 0; i < n; ++i) out.v[i] = p[i];
    return out;
  }
  void store(float* p, int64_t n) const {
    for (int64_t i = 0; i < n; ++i) p[i] = v[i];
  }
};
inline Vector fma(Vector a, Vector b, Vector c) { return {a.v * b.v + c.v}; }
inline constexpr bool kReadsWithFma = false;
inline Vector fma_in_place(Vector a, Vector b, Vector c) { return fma(a, b, c); }
inline Vector fma_read(const float* a, Vector b, Vector c) { return fma(Vector::all(*a), b, c); }
inline Vector operator+(Vector a, Vector b) { return {a.v + b.v}; }
inline Vector operator-(Vector a, Vector b) { return {a.v - b.v}; }
inline Vector operator*(Vector a, Vector b) { return {a.v * b.v}; }
inline Vector operator/(Vector a, Vector b) { return {a.v / b.v}; }
inline Vector min(Vector a, Vector b) { return {a.v < b.v ? a.v : b.v}; }
inline Vector max(Vector a, Vector b) { return {a.v > b.v ? a.v : b.v}; }
inline Mask operator<(Vector a, Vector b) { return {a.v < b.v}; }
inline Mask is_nan(Vector a) { return {a.v != a.v}; }  // NOLINT: NaN is what differs from itself
inline Vector select(Mask m, Vector yes, Vector no) { return {m.m ? yes.v : no.v}; }
inline Vector absolute(Vector x) {
  return {std::bit_cast<Vector::Lanes>(std::bit_cast<Mask::Lanes>(x.v) & INT32_MAX)};
}
inline Vector with_sign(Vector magnitude, Vector sign) {
  return {std::bit_cast<Vector::Lanes>(std::bit_cast<Mask::Lanes>(magnitude.v) |
                                       (std::bit_cast<Mask::Lanes>(sign.v) & INT32_MIN))};
}
// For |x| < 2^22: what adding and taking away 1.5 * 2^23 leaves is the nearest integer.
inline Vector rounded(Vector x) { return {(x.v + 12582912.0f) - 12582912.0f}; }
inline Vector power_of_two(Vector n) {
  const Mask::Lanes e = __builtin_convertvector(n.v, Mask::Lanes) + 127;
  return {std::bit_cast<Vector::Lanes>(e << 23)};
}
inline Vector square_root(Vector x) {
  Vector out;
  for (int i = 0; i < 4; ++i) out.v[i] = __builtin_sqrtf(x.v[i]);
  return out;
}

#endif

}  // namespace
}  // namespace hone::kernels
