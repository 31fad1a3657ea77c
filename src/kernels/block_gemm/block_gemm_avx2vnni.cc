// Products of block-quantized weights with the dot products of AVX-VNNI.
#include "kernels/block_gemm/dots.h"
#include "kernels/block_gemm/expand_impl.h"

namespace hone::kernels {
namespace {

struct Dots {
  static constexpr int64_t kWidth = 8;
  using Bytes = __m256i;
  using Group = __m256i;
  __m256i v;
  static Dots all(int32_t x) { return {_mm256_set1_epi32(x)}; }
  static Bytes bytes(const uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static Group group(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
  }
  // In the register where the sum is: compilers move sums about.
  void dot(Bytes b, Group a) { asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(v) : "x"(b), "x"(a)); }
  void end_unit() {}
  Vector real() const { return {_mm256_cvtepi32_ps(v)}; }
  static Vector fused(Vector a, Vector b, Vector c) { return fma(a, b, c); }
};

}  // namespace

const BlockGemmKernel kBlockGemmAvx2Vnni{
    3,       2,       false,  false,   false,  kBlockUnit, prepare, expand, block_tiles<Dots, 3, 2>,
    nullptr, nullptr, finish, nullptr, nullptr};

}  // namespace hone::kernels
