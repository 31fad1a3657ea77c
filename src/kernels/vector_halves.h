// Vectors of floats read from 16-bit floats, for the instruction set of the including file.
#pragma once

#include "kernels/vector.h"

namespace hone::kernels {
namespace {

#if defined(__AVX512F__)

inline Vector load_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline Vector load_bf16(const uint16_t* p) {
  const __m512i wide =
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}

#elif defined(__AVX2__)

inline Vector load_f16(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
inline Vector load_bf16(const uint16_t* p) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(wide, 16))};
}

#else

// In the upper halves of four lanes.
inline Mask::Lanes load_upper(const uint16_t* p) {
  using Pair = uint64_t __attribute__((vector_size(16)));
  using Narrow = uint16_t __attribute__((vector_size(16)));
  uint64_t bits;
  std::memcpy(&bits, p, sizeof bits);
  const auto x = std::bit_cast<Narrow>(Pair{bits, 0});
  return std::bit_cast<Mask::Lanes>(__builtin_shufflevector(Narrow{}, x, 0, 8, 1, 9, 2, 10, 3, 11));
}
// Shifted into place, the exponent lacks 127 - 15; the product supplies it, to subnormals too. What
// comes out beyond the largest f16 is infinite, or NaN.
inline Vector load_f16(const uint16_t* p) {
  const Mask::Lanes body = (load_upper(p) >> 3) & int32_t(0x8fffe000);
  const Vector x = {std::bit_cast<Vector::Lanes>(body) * 0x1p112f};
  const Mask::Lanes endless = absolute(x).v >= 65536.0f;
  return {std::bit_cast<Vector::Lanes>(std::bit_cast<Mask::Lanes>(x.v) | (endless & 0x7f800000))};
}
inline Vector load_bf16(const uint16_t* p) { return {std::bit_cast<Vector::Lanes>(load_upper(p))}; }

#endif

}  // namespace
}  // namespace hone::kernels
