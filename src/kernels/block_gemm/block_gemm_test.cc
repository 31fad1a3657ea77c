// Tests of products of block-quantized weights against their definition, on every instruction set
// that this machine has: all give the same bits.
#include "kernels/block_gemm/block_gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/conversions/conversions.h"
#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const BlockGemmKernel*> all_kernels(bool in_runs) {
  std::vector<const BlockGemmKernel*> all{&kBlockGemmPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kBlockGemmAvx2);
  if (has_avx2vnni()) all.push_back(&kBlockGemmAvx2Vnni);
  if (has_avx512vnni()) all.push_back(&kBlockGemmAvx512Vnni);
  if (has_amx()) all.push_back(in_runs ? &kBlockGemmAmxRuns : &kBlockGemmAmx);
#endif
  return all;
}

enum class Runs : uint8_t { none, levels, fine, shifted };

struct Form {
  int bits;
  bool half, minima;
  int64_t rows;  // of a block
  Runs runs = Runs::none;
  bool lookup = false;
};

class Case {
 public:
  Case(uint32_t seed, Form form, int64_t m, int64_t n, int64_t depth)
      : seed_(seed), random_(seed), form_(form), m_(m), n_(n), depth_(depth) {
    w_.bits = form.bits;
    w_.columns = n;
    w_.block_rows = form.rows;
    w_.blocks = (depth + form.rows - 1) / form.rows;
    w_.in_runs = form.runs != Runs::none;
    const bool bytes = form.lookup || form.bits == 8;
    w_.zero = form.minima  ? 0
              : bytes      ? 128
              : w_.in_runs ? 1 << (form.bits - 1)
                           : int32_t(seed % (1u << form.bits));
    const bool extreme = seed % 3 == 0;
    codes_.resize(size_t(w_.panels() * w_.units() * w_.unit_bytes()));
    for (uint8_t& c : codes_) c = uint8_t(extreme ? (random_() % 4 ? 255 : 0) : random_());
    for (uint8_t& c : lookup_) c = uint8_t(random_());
    for (int64_t i = 0; i < m * depth; ++i)
      a_.push_back(int8_t(extreme ? (random_() % 4 ? -128 : 127) : int(random_())));
    row_block_ = w_.in_runs ? kBlockRun : std::max(kBlockUnit, form.rows);
    fill(a_scales_, m * row_blocks());
    fill(scales_, w_.panels() * w_.sums() * kBlockPanel);
    fill(minima_, int64_t(scales_.size()));
    for (int64_t i = 0; i < w_.panels() * w_.blocks * kBlockPanel; ++i) {
      // So that levels are signed bytes.
      fine_.push_back(
          int8_t(extreme ? (random_() % 4 ? -127 : 127) : int(random_() % uint32_t(255)) - 127));
      const int fine = extreme ? 127 : int(random_() % 128);
      const int most = std::min(256, 127 * 256 / std::max(1, fine) - 256);
      const int shift = std::min(255, int(random_() % uint32_t(2 * most + 1)) - most);
      shifted_.push_back(int16_t(fine | shift * 128));
    }
    fill(bias_, n);
    fill(added_, m * n);
    halves(scales_, half_scales_);
    halves(minima_, half_minima_);
    w_.codes = codes_.data();
    w_.lookup = form.lookup ? lookup_ : nullptr;
    w_.scales = scales_of(scales_, half_scales_);
    if (form.minima) w_.minima = scales_of(minima_, half_minima_);
    if (form.runs == Runs::fine) w_.levels.fine = fine_.data();
    if (form.runs == Runs::shifted) w_.levels.shifted = shifted_.data();
  }

  std::vector<float> product(const BlockGemmKernel& kernel) const {
    const BlockRowSizes sizes = row_sizes(kernel, w_, m_);
    const int64_t tiles = sizes.tiles;
    // What nobody wrote shows.
    std::vector<int8_t> codes(size_t(sizes.codes) + 1, 113);  // never null
    std::vector<float> scales(size_t(sizes.scales) + 1, 1e30f), lifts(size_t(sizes.lifts), 1e30f);
    std::vector<int32_t> begins(size_t(sizes.begins), 1 << 20);
    const auto some = [](auto& v) { return v.empty() ? nullptr : v.data(); };
    const BlockRows rows{sizes.height,  tiles,        codes.data(),
                         scales.data(), some(begins), some(lifts)};
    kernel.prepare({a_.data(), a_scales_.data(), m_, depth_, row_block_}, w_, rows, 0, tiles / 2);
    kernel.prepare({a_.data(), a_scales_.data(), m_, depth_, row_block_}, w_, rows, tiles / 2,
                   tiles);
    std::vector<float> y(size_t(m_ * n_ + 1), 77);
    const Epilogue e{with_bias() ? bias_.data() : nullptr, with_added() ? added_.data() : nullptr,
                     n_, with_bias() ? Activation::relu : Activation::none};
    const BlockProduct p{w_, rows, m_, y.data(), n_, e};
    const int64_t middle = w_.panels() / 2 / kernel.panels * kernel.panels;
    multiply(kernel, p, 0, middle);
    multiply(kernel, p, middle, w_.panels());
    EXPECT_EQ(y.back(), 77);
    return y;
  }

  float wanted(int64_t i, int64_t j) const {
    float sum = 0;
    for (int64_t b = 0; b < w_.sums(); ++b) {
      int64_t dots = 0, all = 0;
      for (int64_t k = b * w_.sum_rows(); k < std::min(depth_, (b + 1) * w_.sum_rows()); ++k) {
        const auto a = int64_t{a_[size_t(i * depth_ + k)]};
        dots += a * (w_.in_runs ? level(k, j) : code(k, j) - w_.zero);
        all += a;
      }
      const float scale = a_scales_[size_t(i * row_blocks() + b * w_.sum_rows() / row_block_)];
      sum = std::fma(float(dots), scale_at(scales_, b, j) * scale, sum);
      if (form_.minima) sum = std::fma(-scale_at(minima_, b, j), float(all) * scale, sum);
    }
    if (with_bias()) sum = sum + bias_[size_t(j)];
    if (with_added()) sum = sum + added_[size_t(i * n_ + j)];
    return sum > 0 || !with_bias() ? sum : 0;
  }

 private:
  // Whole tiles with nothing behind them go another way.
  bool with_bias() const { return seed_ % 4 == 0; }
  bool with_added() const { return seed_ % 4 != 1; }
  int64_t row_blocks() const { return (depth_ + row_block_ - 1) / row_block_; }

  BlockScales scales_of(const std::vector<float>& reals,
                        const std::vector<uint16_t>& halves) const {
    return {form_.half ? static_cast<const void*>(halves.data()) : reals.data(), form_.half};
  }

  float scale_at(const std::vector<float>& scales, int64_t b, int64_t j) const {
    const int64_t at = j / kBlockPanel * w_.sums() + b;
    return scales[size_t(at * kBlockPanel + j % kBlockPanel)];
  }

  int64_t level(int64_t k, int64_t j) const {
    const int64_t q = code(k, j) - w_.zero;
    if (w_.levels.none()) return q;
    const int64_t block = j / kBlockPanel * w_.blocks + k / w_.block_rows;
    const auto at = size_t(block * kBlockPanel + j % kBlockPanel);
    const double over = form_.lookup ? 128 : 1 << (form_.bits - 1);
    if (w_.levels.fine) return int64_t(std::floor(double(q * fine_[at]) / over + 0.5));
    const double fine = shifted_[at] & 127, shift = shifted_[at] >> 7;
    return int64_t(std::floor(double(q) * fine / over + shift * fine / 256 + 0.5));
  }

  // `width` bits of a plane.
  static int32_t in_plane(const uint8_t* plane, int width, int64_t k, int64_t column) {
    const int64_t group = k / 4, row = group % width;
    return plane[row * 4 * kBlockPanel + column * 4 + k % 4] >> (group / width * width) &
           ((1 << width) - 1);
  }

  int32_t code(int64_t k, int64_t j) const {
    const int64_t at = j / kBlockPanel * w_.units() + k / kBlockUnit, column = j % kBlockPanel;
    const uint8_t* unit = codes_.data() + at * w_.unit_bytes();
    const int low = form_.bits == 3 ? 2 : form_.bits == 5 || form_.bits == 6 ? 4 : form_.bits;
    int32_t code = in_plane(unit, low, k % kBlockUnit, column);
    if (low < form_.bits)
      code |= in_plane(unit + low * 4 * kBlockPanel, form_.bits - low, k % kBlockUnit, column)
              << low;
    return form_.lookup ? lookup_[code] : code;
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

  uint32_t seed_;
  std::mt19937 random_;
  Form form_;
  int64_t m_, n_, depth_, row_block_ = kBlockUnit;
  BlockWeights w_;
  std::vector<uint8_t> codes_;
  std::vector<int8_t> fine_;
  std::vector<int16_t> shifted_;
  uint8_t lookup_[16];
  std::vector<int8_t> a_;
  std::vector<float> a_scales_, scales_, minima_, bias_, added_;
  std::vector<uint16_t> half_scales_, half_minima_;
};

constexpr Form kForms[] = {
    {4, false, false, 32},
    {4, true, true, 32},
    {8, false, false, 32},
    {8, true, false, 64},
    {4, false, true, 128},
    {8, false, true, 32},
    {5, true, false, 32},
    {4, true, false, 32, Runs::none, true},
    {8, false, true, 16},
    {4, false, false, 16},
    {2, true, false, 16, Runs::shifted},
    {3, true, false, 16, Runs::fine},
    {4, true, false, 32, Runs::fine},
    {4, true, false, 32, Runs::shifted},
    {4, true, false, 16, Runs::shifted},
    {4, false, false, 64, Runs::fine},
    {4, true, false, 32, Runs::fine, true},
    {5, true, false, 32, Runs::shifted},
    {6, true, false, 16, Runs::fine},
    {8, false, false, 32, Runs::levels},
    {8, true, false, 16, Runs::levels},
    {2, true, false, 64, Runs::fine},
    {6, false, false, 128, Runs::shifted},
    {3, true, false, 256, Runs::fine},
};

void check(uint32_t seed, Form form, int64_t m, int64_t n, int64_t depth) {
  const Case one(seed, form, m, n, depth);
  std::vector<float> wanted;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) wanted.push_back(one.wanted(i, j));
  for (const BlockGemmKernel* kernel : all_kernels(form.runs != Runs::none)) {
    const std::vector<float> y = one.product(*kernel);
    for (size_t i = 0; i < wanted.size(); ++i)
      ASSERT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(wanted[i]))
          << form.bits << " bits in blocks of " << form.rows << ", tiles of " << kernel->rows
          << " rows: " << m << " x " << n << " x " << depth << " at " << i << " of seed " << seed
          << ": " << y[i] << " for " << wanted[i];
  }
}

TEST(BlockGemm, IsWhatItSays) {
  uint32_t seed = 1;
  for (const Form& form : kForms)
    for (const int64_t m : {1, 2, 3, 4, 5, 6, 7, 16, 17, 33})
      for (const auto& [n, depth] :
           {std::pair{1, 1}, {5, 0}, {64, 0}, {16, 32}, {17, 31}, {40, 65}, {33, 256}, {18, 600}})
        check(seed++, form, m, n, depth);
}

// Columns longer than a part, and more rows than are passed by at once.
TEST(BlockGemm, IsComputedInParts) {
  for (const Form& form : kForms) check(7, form, 9, 20, 2500);
  for (const Form& form : kForms)
    for (uint32_t seed = 1; seed < 5; ++seed) check(seed, form, 70, 50, 2500);
  check(8, kForms[0], 700, 3, 1600);
}

}  // namespace
}  // namespace hone::kernels
