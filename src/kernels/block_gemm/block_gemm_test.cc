// Tests of products of block-quantized weights against their definition, on every instruction set
// that this machine has: all give the same bits.
#include "kernels/block_gemm/block_gemm.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/conversions/conversions.h"
#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const BlockGemmKernel*> all_kernels() {
  std::vector<const BlockGemmKernel*> all{&kBlockGemmPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kBlockGemmAvx2);
  if (has_avx2vnni()) all.push_back(&kBlockGemmAvx2Vnni);
  if (has_avx512vnni()) all.push_back(&kBlockGemmAvx512Vnni);
  if (has_amx()) all.push_back(&kBlockGemmAmx);
#endif
  return all;
}

struct Form {
  bool nibbles, half, minima;
  int64_t units;  // of a block
};

class Case {
 public:
  Case(uint32_t seed, Form form, int64_t m, int64_t n, int64_t depth)
      : random_(seed), form_(form), m_(m), n_(n), depth_(depth) {
    w_.nibbles = form.nibbles;
    w_.half = form.half;
    w_.columns = n;
    w_.block_units = form.units;
    const int64_t block = form.units * kBlockUnit;
    w_.blocks = (depth + block - 1) / block;
    w_.zero = form.minima ? 0 : form.nibbles ? int32_t(seed % 16) : 128;
    const bool extreme = seed % 3 == 0;
    codes_.resize(size_t(w_.panels() * w_.units() * w_.unit_bytes()));
    for (uint8_t& c : codes_) c = uint8_t(extreme ? (random_() % 4 ? 255 : 0) : random_());
    for (int64_t i = 0; i < m * depth; ++i)
      a_.push_back(int8_t(extreme ? (random_() % 4 ? -128 : 127) : int(random_())));
    fill(a_scales_, m * w_.blocks);
    fill(scales_, w_.panels() * w_.blocks * kBlockPanel);
    fill(minima_, int64_t(scales_.size()));
    fill(bias_, n);
    fill(added_, m * n);
    halves(scales_, half_scales_);
    halves(minima_, half_minima_);
    w_.codes = codes_.data();
    w_.scales = form.half ? static_cast<const void*>(half_scales_.data()) : scales_.data();
    if (form.minima)
      w_.minima = form.half ? static_cast<const void*>(half_minima_.data()) : minima_.data();
  }

  std::vector<float> product(const BlockGemmKernel& kernel) const {
    const int64_t height = tile_height(kernel, m_), tiles = (m_ + height - 1) / height;
    std::vector<int8_t> codes(size_t(tiles * height * w_.units() * kBlockUnit));
    std::vector<float> scales(size_t(tiles * height * w_.blocks)), lifts(scales.size());
    std::vector<int32_t> begins(scales.size());
    const bool starts = w_.zero != 0 && !kernel.centres;
    const BlockRows rows{height,
                         tiles,
                         codes.data(),
                         scales.data(),
                         starts ? begins.data() : nullptr,
                         w_.minima ? lifts.data() : nullptr};
    kernel.prepare({a_.data(), a_scales_.data(), m_, depth_}, w_, rows, 0, tiles / 2);
    kernel.prepare({a_.data(), a_scales_.data(), m_, depth_}, w_, rows, tiles / 2, tiles);
    std::vector<float> y(size_t(m_ * n_ + 1), 77);
    const Epilogue e{bias_.data(), added_.data(), n_, Activation::relu};
    const BlockProduct p{w_, rows, m_, y.data(), e};
    const int64_t middle = w_.panels() / 2 / kernel.panels * kernel.panels;
    multiply(kernel, p, 0, middle);
    multiply(kernel, p, middle, w_.panels());
    EXPECT_EQ(y.back(), 77);
    return y;
  }

  float wanted(int64_t i, int64_t j) const {
    float sum = 0;
    const int64_t block = w_.block_units * kBlockUnit;
    for (int64_t b = 0; b < w_.blocks; ++b) {
      int32_t dot = 0, all = 0;
      for (int64_t k = b * block; k < std::min(depth_, (b + 1) * block); ++k) {
        const auto a = int32_t{a_[size_t(i * depth_ + k)]};
        dot += a * (code(k, j) - w_.zero);
        all += a;
      }
      const auto at = size_t((j / kBlockPanel * w_.blocks + b) * kBlockPanel + j % kBlockPanel);
      const float scale = a_scales_[size_t(i * w_.blocks + b)];
      sum = std::fma(float(dot), scales_[at] * scale, sum);
      if (form_.minima) sum = std::fma(-minima_[at], float(all) * scale, sum);
    }
    sum = sum + bias_[size_t(j)] + added_[size_t(i * n_ + j)];
    return sum > 0 ? sum : 0;
  }

 private:
  int32_t code(int64_t k, int64_t j) const {
    const int64_t unit = j / kBlockPanel * w_.units() + k / kBlockUnit, column = j % kBlockPanel;
    const int64_t half = form_.nibbles ? kBlockUnit / 2 : kBlockUnit, row = k % kBlockUnit % half;
    const uint8_t byte =
        codes_[size_t(unit * w_.unit_bytes() + row / 4 * 4 * kBlockPanel + column * 4 + row % 4)];
    if (!form_.nibbles) return byte;
    return k % kBlockUnit < half ? byte & 15 : byte >> 4;
  }
  void fill(std::vector<float>& to, int64_t count) {
    std::uniform_real_distribution<float> next(-1, 1);
    for (int64_t i = 0; i < count; ++i) to.push_back(next(random_));
  }
  // And the numbers become what the halves hold.
  void halves(std::vector<float>& numbers, std::vector<uint16_t>& to) const {
    to.resize(numbers.size());
    if (!form_.half) return;
    conversion_kernels().f32_to_f16(numbers.data(), to.data(), int64_t(numbers.size()));
    conversion_kernels().f16_to_f32(to.data(), numbers.data(), int64_t(numbers.size()));
  }

  std::mt19937 random_;
  Form form_;
  int64_t m_, n_, depth_;
  BlockWeights w_;
  std::vector<uint8_t> codes_;
  std::vector<int8_t> a_;
  std::vector<float> a_scales_, scales_, minima_, bias_, added_;
  std::vector<uint16_t> half_scales_, half_minima_;
};

constexpr Form kForms[] = {{true, false, false, 1},  {true, true, true, 1},
                           {false, false, false, 1}, {false, true, false, 2},
                           {true, false, true, 4},   {false, false, true, 1}};

void check(uint32_t seed, Form form, int64_t m, int64_t n, int64_t depth) {
  const Case one(seed, form, m, n, depth);
  std::vector<float> wanted;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) wanted.push_back(one.wanted(i, j));
  for (const BlockGemmKernel* kernel : all_kernels()) {
    const std::vector<float> y = one.product(*kernel);
    for (size_t i = 0; i < wanted.size(); ++i)
      ASSERT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(wanted[i]))
          << m << " x " << n << " x " << depth << " at " << i << " of seed " << seed << ": " << y[i]
          << " for " << wanted[i];
  }
}

TEST(BlockGemm, IsWhatItSays) {
  uint32_t seed = 1;
  for (const Form& form : kForms)
    for (const int64_t m : {1, 2, 3, 4, 5, 6, 7, 16, 17, 33})
      for (const auto& [n, depth] : {std::pair{1, 1}, {16, 32}, {17, 31}, {40, 65}, {33, 256}})
        check(seed++, form, m, n, depth);
}

// Columns longer than a part, and more rows than are passed by at once.
TEST(BlockGemm, IsComputedInParts) {
  for (const Form& form : kForms) check(7, form, 9, 20, 2500);
  check(8, kForms[0], 700, 3, 1600);
}

}  // namespace
}  // namespace hone::kernels
