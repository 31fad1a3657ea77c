// Products of bytes with the dot products of AVX-VNNI.
#include "kernels/integer_gemm/dots.h"

namespace hone::kernels {
namespace {

struct Sums {
  static constexpr int64_t kWidth = 8;
  using Bytes = __m256i;
  __m256i v;
  static Sums zero() { return {_mm256_setzero_si256()}; }
  static Sums load(const int32_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
  }
  void store(int32_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static Bytes bytes(const int8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static __m256i group(const uint8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
  }
  void dot(__m256i a, Bytes b) { v = _mm256_dpbusd_avx_epi32(v, a, b); }
};

}  // namespace

const IntegerGemmKernel kIntegerGemmAvx2Vnni{
    6,       1,       1,       kDepthGroup, nullptr, 1,       dot_products<Sums, 6, 1>,
    nullptr, nullptr, nullptr, nullptr,     0,       nullptr, nullptr,
    finish,  row_sums};

}  // namespace hone::kernels
