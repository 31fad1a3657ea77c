// Codes to bytes.
#pragma once

#include "kernels/block_gemm/block_gemm.h"
#include "kernels/vector.h"

namespace hone::kernels {
namespace {

// Bytes of codes, as many as a vector has.
#if defined(__AVX2__)
struct Codes {
  static constexpr int64_t kWidth = 32;
  __m256i v;
  static Codes all(uint8_t x) { return {_mm256_set1_epi8(char(x))}; }
  static Codes load(const uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
  }
  void store(uint8_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  Codes low() const { return {_mm256_and_si256(v, all(15).v)}; }
  Codes high() const { return {_mm256_and_si256(_mm256_srli_epi16(v, 4), all(15).v)}; }
  Codes operator-(Codes less) const { return {_mm256_sub_epi8(v, less.v)}; }
};
#else
struct Codes {
  static constexpr int64_t kWidth = 16;
  using Lanes = uint8_t __attribute__((vector_size(16)));
  Lanes v;
  static Codes all(uint8_t x) { return {Lanes{} + x}; }
  static Codes load(const uint8_t* p) {
    Codes out;
    std::memcpy(&out.v, p, sizeof out.v);
    return out;
  }
  void store(uint8_t* p) const { std::memcpy(p, &v, sizeof v); }
  Codes low() const { return {v & 15}; }
  Codes high() const { return {v >> 4}; }
  Codes operator-(Codes less) const { return {v - less.v}; }
};
#endif

void expand(const BlockExpansion& e) {
  const Codes less = Codes::all(e.less);
  constexpr int64_t kHalf = kUnitBytes / 2;
  const uint8_t* from = e.codes;
  uint8_t* to = e.to;
  for (int64_t u = 0; u < e.units; ++u, to += kUnitBytes) {
    if (e.nibbles) {
      for (int64_t i = 0; i < kHalf; i += Codes::kWidth) {
        const Codes codes = Codes::load(from + i);
        (codes.low() - less).store(to + i);
        (codes.high() - less).store(to + kHalf + i);
      }
      from += kHalf;
    } else {
      for (int64_t i = 0; i < kUnitBytes; i += Codes::kWidth)
        (Codes::load(from + i) - less).store(to + i);
      from += kUnitBytes;
    }
  }
}

}  // namespace
}  // namespace hone::kernels
