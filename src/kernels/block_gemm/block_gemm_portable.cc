// Products of block-quantized weights without instructions for them.
#include "kernels/block_gemm/dots.h"
#include "kernels/block_gemm/expand_impl.h"

namespace hone::kernels {
namespace {

struct Dots {
  static constexpr int64_t kWidth = Vector::kWidth;
  struct Bytes {
    const uint8_t* at;
  };
  using Group = const int8_t*;
  int32_t sums[kWidth];
  static Dots all(int32_t x) {
    Dots d;
    for (int32_t& s : d.sums) s = x;
    return d;
  }
  static Bytes bytes(const uint8_t* p) { return {p}; }
  static Group group(const int8_t* p) { return p; }
  void dot(Bytes b, Group a) {
    for (int64_t j = 0; j < kWidth; ++j)
      for (int64_t k = 0; k < 4; ++k) sums[j] += b.at[4 * j + k] * a[k];
  }
  static Vector fused(Vector a, Vector b, Vector c) {
    for (int i = 0; i < int(kWidth); ++i) c.v[i] = __builtin_fmaf(a.v[i], b.v[i], c.v[i]);
    return c;
  }
  void end_unit() {}
  Vector real() const {
    float lanes[kWidth];
    for (int64_t j = 0; j < kWidth; ++j) lanes[j] = float(sums[j]);
    return Vector::load(lanes);
  }
};

}  // namespace

const BlockGemmKernel kBlockGemmPortable{
    2,       1,       false,  false,   false,  kBlockUnit, prepare, expand, block_tiles<Dots, 2, 1>,
    nullptr, nullptr, finish, nullptr, nullptr};

}  // namespace hone::kernels
