// Products of block-quantized weights with AVX2 alone. Its instruction for bytes saturates sums of
// pairs, so bytes are widened: even and odd ones are multiplied as pairs of 16 bits.
#include "kernels/block_gemm/dots.h"
#include "kernels/block_gemm/expand_impl.h"

namespace hone::kernels {
namespace {

struct Dots {
  static constexpr int64_t kWidth = 8;
  struct Bytes {
    __m256i even, odd;
  };
  using Group = Bytes;
  __m256i v;
  static Dots all(int32_t x) { return {_mm256_set1_epi32(x)}; }
  static Bytes bytes(const uint8_t* p) {
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm256_and_si256(b, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(b, 8)};
  }
  static Group group(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof four);
    const __m256i a = _mm256_set1_epi32(four);
    return {_mm256_srai_epi16(_mm256_slli_epi16(a, 8), 8), _mm256_srai_epi16(a, 8)};
  }
  void dot(const Bytes& b, const Group& a) {
    v = _mm256_add_epi32(
        v, _mm256_add_epi32(_mm256_madd_epi16(b.even, a.even), _mm256_madd_epi16(b.odd, a.odd)));
  }
  void end_unit() {}
  Vector real() const { return {_mm256_cvtepi32_ps(v)}; }
  static Vector fused(Vector a, Vector b, Vector c) { return fma(a, b, c); }
};

// Products of nibbles: sums of pairs fit 16 bits, and so do those over a unit.
struct NibbleDots {
  static constexpr int64_t kWidth = 8;
  using Bytes = __m256i;
  using Group = __m256i;
  __m256i v, unit;
  static NibbleDots all(int32_t x) { return {_mm256_set1_epi32(x), _mm256_setzero_si256()}; }
  static Bytes bytes(const uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static Group group(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
  }
  void dot(Bytes b, Group a) { unit = _mm256_add_epi16(unit, _mm256_maddubs_epi16(b, a)); }
  void end_unit() {
    v = _mm256_add_epi32(v, _mm256_madd_epi16(unit, _mm256_set1_epi16(1)));
    unit = _mm256_setzero_si256();
  }
  Vector real() const { return {_mm256_cvtepi32_ps(v)}; }
  static Vector fused(Vector a, Vector b, Vector c) { return fma(a, b, c); }
};

// Eight products of 15 with 128 twice are less than 2^15.
static_assert(kBlockUnit / 4 * 2 * 15 * 128 < 1 << 15);

void tiles(const BlockTile* t, int64_t count) {
  t->nibbles ? block_tiles<NibbleDots, 3, 2>(t, count) : block_tiles<Dots, 3, 2>(t, count);
}

}  // namespace

const BlockGemmKernel kBlockGemmAvx2{3,      2,     false,   false,   false,  kBlockUnit, prepare,
                                     expand, tiles, nullptr, nullptr, finish, nullptr,    nullptr};

}  // namespace hone::kernels
