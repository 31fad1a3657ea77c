// Vectors of 32-bit integers as wide as the vectors of floats beside them; sums wrap around.
#pragma once

#include "kernels/vector_part.h"

namespace hone::kernels {
namespace {

#if defined(__AVX512F__)

struct Integers {
  __m512i v;
  static Integers all(int32_t x) { return {_mm512_set1_epi32(x)}; }
};
inline Integers operator+(Integers a, Integers b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline Integers operator*(Integers a, Integers b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
inline Vector real(Integers x) { return {_mm512_cvtepi32_ps(x.v)}; }
// Half to even; the numbers fit.
inline Integers nearest(Vector x) { return {_mm512_cvtps_epi32(x.v)}; }
inline Integers bits(Vector x) { return {_mm512_castps_si512(x.v)}; }
inline Integers max(Integers a, Integers b) { return {_mm512_max_epi32(a.v, b.v)}; }
inline int32_t largest(Integers x) { return _mm512_reduce_max_epi32(x.v); }

struct AllIntegers : AllLanes {
  using AllLanes::load;
  using AllLanes::store;
  Integers load(const int32_t* p) const { return {_mm512_loadu_si512(p)}; }
  void store(Integers x, int32_t* p) const { _mm512_storeu_si512(p, x.v); }
  // Unsigned bytes, after an exclusive or with `turn`.
  Integers load_bytes(const uint8_t* p, uint8_t turn) const {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm512_cvtepu8_epi32(_mm_xor_si128(bytes, _mm_set1_epi8(char(turn))))};
  }
  // The lowest byte of each.
  void store_bytes(Integers x, uint8_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(x.v));
  }
};
class FirstIntegers : public FirstLanes {
 public:
  explicit FirstIntegers(int64_t count) : FirstLanes(count), mask_(__mmask16((1u << count) - 1)) {}
  using FirstLanes::load;
  using FirstLanes::store;
  Integers load(const int32_t* p) const { return {_mm512_maskz_loadu_epi32(mask_, p)}; }
  void store(Integers x, int32_t* p) const { _mm512_mask_storeu_epi32(p, mask_, x.v); }
  Integers load_bytes(const uint8_t* p, uint8_t turn) const {
    const __m128i bytes = _mm_maskz_loadu_epi8(mask_, p);
    return {_mm512_cvtepu8_epi32(_mm_xor_si128(bytes, _mm_set1_epi8(char(turn))))};
  }
  void store_bytes(Integers x, uint8_t* p) const {
    _mm512_mask_cvtepi32_storeu_epi8(p, mask_, x.v);
  }

 private:
  __mmask16 mask_;
};

#else

#if defined(__AVX2__)

struct Integers {
  __m256i v;
  static Integers all(int32_t x) { return {_mm256_set1_epi32(x)}; }
  static Integers load(const int32_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
  }
  void store(int32_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static Integers load_bytes(const uint8_t* p, uint8_t turn) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepu8_epi32(_mm_xor_si128(bytes, _mm_set1_epi8(char(turn))))};
  }
  void store_bytes(uint8_t* p) const {
    const __m256i bytes = _mm256_shuffle_epi8(
        v, _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8,
                            12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    const __m128i halves =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), halves);
  }
};
inline Integers operator+(Integers a, Integers b) { return {_mm256_add_epi32(a.v, b.v)}; }
inline Integers operator*(Integers a, Integers b) { return {_mm256_mullo_epi32(a.v, b.v)}; }
inline Vector real(Integers x) { return {_mm256_cvtepi32_ps(x.v)}; }
inline Integers nearest(Vector x) { return {_mm256_cvtps_epi32(x.v)}; }
inline Integers bits(Vector x) { return {_mm256_castps_si256(x.v)}; }
inline Integers max(Integers a, Integers b) { return {_mm256_max_epi32(a.v, b.v)}; }
inline int32_t largest(Integers x) {
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(x.v), _mm256_extracti128_si256(x.v, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1)));
}

#else

struct Integers {
  using Lanes = uint32_t __attribute__((vector_size(16)));  // unsigned: these wrap around
  Lanes v;
  static Integers all(int32_t x) {
    const auto u = uint32_t(x);
    return {Lanes{u, u, u, u}};
  }
  static Integers load(const int32_t* p) {
    Integers out;
    std::memcpy(&out.v, p, sizeof out.v);
    return out;
  }
  void store(int32_t* p) const { std::memcpy(p, &v, sizeof v); }
  static Integers load_bytes(const uint8_t* p, uint8_t turn) {
    Integers out;
    for (int i = 0; i < 4; ++i) out.v[i] = uint8_t(p[i] ^ turn);
    return out;
  }
  void store_bytes(uint8_t* p) const {
    for (int i = 0; i < 4; ++i) p[i] = uint8_t(v[i]);
  }
};
inline Integers operator+(Integers a, Integers b) { return {a.v + b.v}; }
inline Integers operator*(Integers a, Integers b) { return {a.v * b.v}; }
inline Vector real(Integers x) {
  return {__builtin_convertvector(std::bit_cast<Mask::Lanes>(x.v), Vector::Lanes)};
}
inline Integers nearest(Vector x) {
  return {std::bit_cast<Integers::Lanes>(__builtin_convertvector(rounded(x).v, Mask::Lanes))};
}
inline Integers bits(Vector x) { return {std::bit_cast<Integers::Lanes>(x.v)}; }
inline Integers max(Integers a, Integers b) {
  const auto x = std::bit_cast<Mask::Lanes>(a.v), y = std::bit_cast<Mask::Lanes>(b.v);
  return {std::bit_cast<Integers::Lanes>(x > y ? x : y)};
}
inline int32_t largest(Integers x) {
  int32_t m = int32_t(x.v[0]);
  for (int i = 1; i < 4; ++i) m = int32_t(x.v[i]) > m ? int32_t(x.v[i]) : m;
  return m;
}

#endif

struct AllIntegers : AllLanes {
  using AllLanes::load;
  using AllLanes::store;
  Integers load(const int32_t* p) const { return Integers::load(p); }
  void store(Integers x, int32_t* p) const { x.store(p); }
  Integers load_bytes(const uint8_t* p, uint8_t turn) const {
    return Integers::load_bytes(p, turn);
  }
  void store_bytes(Integers x, uint8_t* p) const { x.store_bytes(p); }
};
class FirstIntegers : public FirstLanes {
 public:
  explicit FirstIntegers(int64_t count) : FirstLanes(count), rest_(count) {}
  using FirstLanes::load;
  Integers load(const int32_t* p) const {
    int32_t lanes[Vector::kWidth] = {};
    for (int64_t i = 0; i < rest_; ++i) lanes[i] = p[i];
    return Integers::load(lanes);
  }
  using FirstLanes::store;
  void store(Integers x, int32_t* p) const {
    int32_t lanes[Vector::kWidth];
    x.store(lanes);
    for (int64_t i = 0; i < rest_; ++i) p[i] = lanes[i];
  }
  Integers load_bytes(const uint8_t* p, uint8_t turn) const {
    uint8_t lanes[Vector::kWidth] = {};
    for (int64_t i = 0; i < rest_; ++i) lanes[i] = p[i];
    return Integers::load_bytes(lanes, turn);
  }
  void store_bytes(Integers x, uint8_t* p) const {
    uint8_t lanes[Vector::kWidth];
    x.store_bytes(lanes);
    for (int64_t i = 0; i < rest_; ++i) p[i] = lanes[i];
  }

 private:
  int64_t rest_;
};

#endif

}  // namespace
}  // namespace hone::kernels
