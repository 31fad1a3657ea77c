// Tests of matrix products against plain sums, on every instruction set that this machine has.
#include "kernels/gemm/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/conversions/conversions.h"
#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const GemmKernel*> all_kernels() {
  std::vector<const GemmKernel*> all{&kGemmPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kGemmAvx2);
  if (has_avx512()) all.push_back(&kGemmAvx512);
#endif
  return all;
}

class Case {
 public:
  Case(uint32_t seed, int64_t m, int64_t n, int64_t positions, int64_t depth)
      : random_(seed), m_(m), n_(n), positions_(positions), depth_(depth) {
    a_ = numbers(m * positions * depth);
    b_ = numbers(positions * depth * n);
    bias_ = numbers(n);
    added_ = numbers(m * n);
    // Row r, piece p: anywhere.
    for (int64_t i = 0; i < positions * m; ++i) pointers_.push_back(a_.data() + i * depth);
    even_ = positions == 1 && seed % 2 == 0;
    if (!even_) std::shuffle(pointers_.begin(), pointers_.end(), random_);
  }

  void check(const GemmKernel& kernel, Epilogue epilogue) {
    std::vector<float> packed = pack(kernel.columns);
    std::vector<float> c(size_t(m_ * (n_ + 3)), NAN);
    Product p;
    p.a = {a_.data(), depth_, positions_ * depth_};
    const Pieces pieces(*this);
    if (!even_) p.a = {nullptr, 0, positions_ * depth_, &pieces, 0};
    p.b = packed.data();
    p.c = c.data();
    p.c_row = n_ + 3;
    p.m = m_;
    p.n = n_;
    p.epilogue = epilogue;
    const int64_t panels = (n_ + kernel.columns - 1) / kernel.columns;
    multiply(kernel, p, 0, panels / 2);
    multiply(kernel, p.rows(0, m_ / 3), panels / 2, panels);
    multiply(kernel, p.rows(m_ / 3, m_ - m_ / 3), panels / 2, panels);
    if (kernel.pack && m_ > 0) check_packed(kernel, p, c);
    for (int64_t i = 0; i < m_; ++i) {
      for (int64_t j = 0; j < n_; ++j)
        ASSERT_NEAR(c[size_t(i * p.c_row + j)], expected(i, j, epilogue), tolerance())
            << "row " << i << " of " << m_ << ", column " << j << " of " << n_;
      for (int64_t j = n_; j < p.c_row; ++j) ASSERT_TRUE(std::isnan(c[size_t(i * p.c_row + j)]));
    }
  }
  // The result, in place of the summand or apart from it.
  std::vector<float> product(const GemmKernel& kernel, Epilogue epilogue, bool over) {
    std::vector<float> packed = pack(kernel.columns), c(size_t(m_ * n_), NAN);
    if (over) {
      c = added_;
      epilogue.added = c.data();
    }
    Product p;
    p.a = {a_.data(), depth_, depth_};
    p.b = packed.data();
    p.c = c.data();
    p.c_row = p.n = n_;
    p.m = m_;
    p.epilogue = epilogue;
    multiply(kernel, p, 0, panels(kernel, n_));
    return c;
  }
  const float* bias() const { return bias_.data(); }
  const float* added() const { return added_.data(); }

 private:
  // Rows that were packed before, in any order: the same to the last bit.
  void check_packed(const GemmKernel& kernel, Product p, const std::vector<float>& expected) {
    const PackedBlocks blocks(kernel, m_, p.a.depth);
    std::vector<int64_t> order(size_t(blocks.parts()));
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random_);
    std::vector<float> packed(size_t(blocks.floats()) + 1, NAN), c(expected.size(), NAN);
    for (int64_t part : order) blocks.pack(p.a, part, packed.data());
    ASSERT_TRUE(std::isnan(packed.back()));
    p.packed = packed.data();
    p.c = c.data();
    p.a.first = nullptr;
    p.then = p.panel(kernel, 0);
    const int64_t all = panels(kernel, n_);
    multiply(kernel, p, all / 3, all);
    multiply(kernel, p, 0, all / 3);
    ASSERT_EQ(std::memcmp(c.data(), expected.data(), c.size() * sizeof(float)), 0);
  }

  // Rows made of the pieces that the pointers name.
  class Pieces : public RowSource {
   public:
    explicit Pieces(const Case& c) : c_(c) {}
    void gather(int64_t row, int64_t rows, int64_t from, int64_t depth,
                Gathered to) const override {
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t k = 0; k < depth; ++k)
          *to.at(r, k) = c_.pointers_[size_t((from + k) / c_.depth_ * c_.m_ + row + r)]
                                     [(from + k) % c_.depth_];
    }

   private:
    const Case& c_;
  };

  std::vector<float> numbers(int64_t n) {
    std::uniform_real_distribution<float> next(-1, 1);
    std::vector<float> out(static_cast<size_t>(n));
    for (float& x : out) x = next(random_);
    return out;
  }
  std::vector<float> pack(int64_t width) const {
    const int64_t k = positions_ * depth_, panels = (n_ + width - 1) / width;
    std::vector<float> packed(size_t(panels * k * width));
    for (int64_t q = 0; q < k; ++q)
      for (int64_t j = 0; j < n_; ++j)
        packed[size_t((j / width * k + q) * width + j % width)] = b_[size_t(q * n_ + j)];
    return packed;
  }
  double expected(int64_t i, int64_t j, const Epilogue& e) const {
    double sum = 0;
    for (int64_t p = 0; p < positions_; ++p)
      for (int64_t q = 0; q < depth_; ++q)
        sum += double(pointers_[size_t(p * m_ + i)][q]) * b_[size_t((p * depth_ + q) * n_ + j)];
    if (e.bias) sum += e.bias[j];
    if (e.added) sum += e.added[i * n_ + j];
    return e.activation == Activation::relu ? std::max(sum, 0.0) : sum;
  }
  double tolerance() const { return 2e-6 * std::sqrt(double(positions_ * depth_) + 1); }

  std::mt19937 random_;
  int64_t m_, n_, positions_, depth_;
  bool even_ = false;
  std::vector<float> a_, b_, bias_, added_;
  std::vector<const float*> pointers_;
};

TEST(Gemm, EqualsPlainSums) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const auto below = [&](int64_t n) { return int64_t(random() % uint32_t(n)); };
    const int64_t positions = round % 3 ? 1 : 1 + below(10);
    Case c(random(), 1 + below(round % 5 ? 20 : 300), 1 + below(round % 4 ? 80 : 500), positions,
           below(round % 5 ? 40 : 600 / positions));
    Epilogue e;
    if (round % 2) e.bias = c.bias();
    for (const GemmKernel* kernel : all_kernels()) {
      ASSERT_NO_FATAL_FAILURE(c.check(*kernel, e));
    }
  }
}

TEST(Gemm, Spread) {
  std::vector<float> from(2000);
  for (size_t i = 0; i < from.size(); ++i) from[i] = float(i);
  for (const GemmKernel* kernel : all_kernels())
    for (int64_t stride : {1, 2, 3})
      for (int64_t rows : {0, 1, 8, 9, 14, 16, 17, 40})
        for (const Steps to_steps : {Steps{1, 41}, Steps{5, 1}}) {
          std::vector<float> to(300, -1), expected(300, -1);
          constexpr int64_t kColumns = 5, kDilation = 2;
          for (int64_t i = 0; i < rows; ++i)
            for (int64_t j = 0; j < kColumns; ++j)
              expected[size_t(i * to_steps.row + j * to_steps.column)] =
                  float(i * stride + j * kDilation);
          kernel->spread(from.data(), {stride, kDilation}, rows, kColumns, to.data(), to_steps);
          ASSERT_EQ(to, expected) << stride << ' ' << rows;
        }
}

// C lies where the summand does: in tiles, several blocks of depth, and with few rows.
TEST(Gemm, OverTheSummand) {
  for (const int64_t m : {1, 2, 3, 40})
    for (const int64_t depth : {5, 900}) {
      Case c(8, m, 250, 1, depth);
      for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu}) {
        const Epilogue apart{c.bias(), c.added(), 250, activation, 0, 0};
        for (const GemmKernel* kernel : all_kernels())
          ASSERT_EQ(c.product(*kernel, apart, false), c.product(*kernel, apart, true));
      }
    }
}

// Random f16 or bf16, of about the size of weights, subnormals among them.
std::vector<uint16_t> narrow_numbers(std::mt19937& random, Stored stored, size_t count) {
  std::vector<uint16_t> out(count);
  for (uint16_t& x : out) {
    const auto bits = uint16_t(random());
    x = stored == Stored::f16 ? uint16_t(bits & 0xbbff)              // below 2
                              : uint16_t((bits & 0x83ff) | 0x3c00);  // below 4, not below 2^-7
    if (random() % 16 == 0) x = uint16_t(bits & 0x807f);             // subnormal, or small
    if (random() % 512 == 0) x = stored == Stored::f16 ? 0xfc00 : 0xff80;  // endless
  }
  return out;
}

// To the last bit what the same numbers give as floats: a row or a few, tiles, several blocks of
// depth, columns that fill no panel.
TEST(Gemm, NarrowPanelsAreTheirFloats) {
  std::mt19937 random(5);
  const auto& convert = kConversionsPortable;
  for (const GemmKernel* kernel : all_kernels())
    for (const Stored stored : {Stored::f16, Stored::bf16})
      for (const int64_t m : {1, 2, 3, 4, 30, 230})
        for (const int64_t depth : {5, 500})
          for (const int64_t n : {1, 40, 290}) {
            const size_t count = size_t(panels(*kernel, n) * kernel->columns * depth);
            const std::vector<uint16_t> narrow = narrow_numbers(random, stored, count);
            std::vector<float> wide(count), a(size_t(m * depth)), expected(size_t(m * n), NAN);
            (stored == Stored::f16 ? convert.f16_to_f32 : convert.bf16_to_f32)(
                narrow.data(), wide.data(), int64_t(count));
            std::uniform_real_distribution<float> next(-1, 1);
            for (float& x : a) x = next(random);
            Product p{.a = {a.data(), depth, depth}, .b = wide.data(), .c = expected.data()};
            p.c_row = p.n = n;
            p.m = m;
            p.epilogue.activation = Activation::relu;
            multiply(*kernel, p, 0, panels(*kernel, n));
            std::vector<float> c(expected.size(), NAN);
            p.b = narrow.data();
            p.stored = stored;
            p.c = c.data();
            multiply(*kernel, p, 0, 1);
            p.then = p.panel(*kernel, 0);
            multiply(*kernel, p, 1, panels(*kernel, n));
            ASSERT_EQ(std::memcmp(c.data(), expected.data(), c.size() * sizeof(float)), 0)
                << m << " rows, " << depth << " deep, " << n << " columns";
          }
}

TEST(Gemm, Copy) {
  std::vector<float> from(600);
  for (size_t i = 0; i < from.size(); ++i) from[i] = float(i);
  for (const GemmKernel* kernel : all_kernels())
    for (const int64_t floats : {0, 1, 4, 7, 16, 33}) {
      std::vector<float> to(300, -1), expected(300, -1);
      for (int64_t r = 0; r < 5; ++r)
        for (int64_t i = 0; i < floats; ++i)
          expected[size_t(r * 40 + i)] = from[size_t(r * 100 + i)];
      kernel->copy(from.data(), 100, to.data(), 40, 5, floats);
      ASSERT_EQ(to, expected) << floats;
    }
}

TEST(Gemm, Epilogues) {
  Case c(3, 150, 70, 2, 140);
  Epilogue e{c.bias(), c.added(), 70, Activation::relu, 0, 0};
  for (const GemmKernel* kernel : all_kernels()) {
    ASSERT_NO_FATAL_FAILURE(c.check(*kernel, e));
  }
}

}  // namespace
}  // namespace hone::kernels
