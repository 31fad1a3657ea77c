// Dot products of bytes in vectors of 512 bits.
#pragma once

#include "kernels/block_gemm/dots.h"
#include "kernels/block_gemm/expand_impl.h"

namespace hone::kernels {
namespace {

struct Dots {
  static constexpr int64_t kWidth = 16;
  using Bytes = __m512i;
  using Group = __m512i;
  __m512i v;
  static Dots all(int32_t x) { return {_mm512_set1_epi32(x)}; }
  static Bytes bytes(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static Group group(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
  }
  // In the register where the sum is: compilers move sums about.
  void dot(Bytes b, Group a) { asm("vpdpbusd %2, %1, %0" : "+v"(v) : "v"(b), "v"(a)); }
  void end_unit() {}
  Vector real() const { return {_mm512_cvtepi32_ps(v)}; }
  static Vector fused(Vector a, Vector b, Vector c) { return fma(a, b, c); }
};

}  // namespace
}  // namespace hone::kernels
