// Tests of products of bytes against plain sums, on every instruction set that this machine has:
// all give the same integers, and the same bits of what becomes of them.
#include "kernels/integer_gemm/integer_gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const IntegerGemmKernel*> all_kernels() {
  std::vector<const IntegerGemmKernel*> all{&kIntegerGemmPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kIntegerGemmAvx2);
  if (has_avx2vnni()) all.push_back(&kIntegerGemmAvx2Vnni);
  if (has_avx512vnni()) all.push_back(&kIntegerGemmAvx512Vnni);
  if (has_amx()) all.push_back(&kIntegerGemmAmx);
#endif
  return all;
}

class Case {
 public:
  Case(uint32_t seed, int64_t m, int64_t n, int64_t depth)
      : random_(seed), m_(m), n_(n), depth_(depth) {
    const bool extreme = seed % 3 == 0;
    for (int64_t i = 0; i < m * depth; ++i)
      a_.push_back(uint8_t(extreme ? (random_() % 4 == 0 ? 0 : 255) : random_()));
    for (int64_t i = 0; i < depth * n; ++i)
      b_.push_back(int8_t(extreme ? (random_() % 4 == 0 ? 127 : -128) : int(random_())));
    packed_.resize(size_t(integer_panels(n) * kIntegerPanel * padded_depth(depth)));
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t j = 0; j < n; ++j)
        packed_[size_t(packed_index(k, j, padded_depth(depth)))] = b_[size_t(k * n + j)];
    std::uniform_real_distribution<float> next(-1, 1);
    for (int64_t j = 0; j < n; ++j) {
      offsets_.push_back(int32_t(random_() % 2000) - 1000);
      column_terms_.push_back(int32_t(random_() % 256) - 128);
      scales_.push_back(0.01f * next(random_));
      bias_.push_back(next(random_));
    }
    for (int64_t i = 0; i < m; ++i) row_terms_.push_back(int32_t(random_() % 30000));
    for (int64_t i = 0; i < m * n; ++i) added_.push_back(next(random_));
  }

  IntegerEpilogue epilogue(bool terms, Activation activation) const {
    IntegerEpilogue e;
    e.offsets = offsets_.data();
    if (terms) e.row_terms = row_terms_.data(), e.column_terms = column_terms_.data();
    e.scales = scales_.data();
    e.real = {bias_.data(), terms ? nullptr : added_.data(), n_, activation, -0.5f, 0.75f};
    e.row = n_ + 3;
    return e;
  }

  template <class T>
  std::vector<T> product(const IntegerGemmKernel& kernel, IntegerEpilogue e, bool gathered) {
    std::vector<T> c(size_t(m_ * (n_ + 3)), T(77));
    if constexpr (std::is_same_v<T, float>)
      e.reals = c.data();
    else
      e.bytes = c.data();
    IntegerProduct p;
    const Gathered rows(*this);
    // Exactly as large as needed: sanitizers see what is read beyond.
    const std::vector<uint8_t> a = a_;
    p.a = a.data(), p.a_step = depth_;
    if (gathered) p.source = &rows;
    p.depth = depth_;
    p.b = packed_.data();
    p.m = m_, p.n = n_;
    p.zeros = m_ % 2 == 0;
    p.epilogue = e;
    const int64_t panels = integer_panels(n_);
    multiply(kernel, p, 0, m_, 0, panels / 2);
    multiply(kernel, p, 0, m_ / 3, panels / 2, panels);
    multiply(kernel, p, m_ / 3, m_, panels / 2, panels);
    return c;
  }

  int32_t sum(int64_t i, int64_t j, bool terms) const {
    int64_t sum = offsets_[size_t(j)];
    for (int64_t k = 0; k < depth_; ++k)
      sum += int64_t(a_[size_t(i * depth_ + k)]) * b_[size_t(k * n_ + j)];
    if (terms) sum += int64_t(row_terms_[size_t(i)]) * column_terms_[size_t(j)];
    return int32_t(uint32_t(uint64_t(sum)));
  }
  // Sums alone: no bias, no activation, scales of one.
  void check_sums(const IntegerGemmKernel& kernel, bool terms) {
    const std::vector<float> ones(size_t(n_), 1.0f);
    IntegerEpilogue e = epilogue(terms, Activation::none);
    e.scales = ones.data();
    e.real = {};
    const std::vector<float> c = product<float>(kernel, e, false);
    for (int64_t i = 0; i < m_; ++i) {
      for (int64_t j = 0; j < n_; ++j)
        ASSERT_EQ(c[size_t(i * e.row + j)], float(sum(i, j, terms)))
            << m_ << " x " << n_ << " x " << depth_ << " at " << i << ", " << j;
      for (int64_t j = n_; j < e.row; ++j) ASSERT_EQ(c[size_t(i * e.row + j)], 77);
    }
  }
  // The requantized bytes, from their definition.
  void check_bytes(const IntegerGemmKernel& kernel, bool is_signed) {
    IntegerEpilogue e = epilogue(false, Activation::none);
    e.real = {};
    e.finite = true;
    e.bounded = depth_ % 2 == 0;
    if (is_signed && depth_ % 4 == 0) e.real.activation = Activation::relu;
    e.zero = is_signed ? -3 : 120;
    e.least = is_signed ? -128 : 0;
    e.most = is_signed ? 127 : 255;
    const std::vector<uint8_t> c = product<uint8_t>(kernel, e, true);
    for (int64_t i = 0; i < m_; ++i)
      for (int64_t j = 0; j < n_; ++j) {
        float y = float(sum(i, j, false)) * scales_[size_t(j)];
        if (e.real.activation == Activation::relu) y = std::max(y, 0.0f);
        const double wanted =
            std::clamp(std::nearbyint(double(y)) + e.zero, double(e.least), double(e.most));
        const int got =
            is_signed ? int(int8_t(c[size_t(i * e.row + j)])) : c[size_t(i * e.row + j)];
        ASSERT_EQ(got, int(wanted)) << m_ << " x " << n_ << " x " << depth_;
      }
  }

 private:
  class Gathered : public ByteRowSource {
   public:
    explicit Gathered(const Case& c) : c_(c) {}
    void gather(int64_t row, int64_t rows, uint8_t* to, int64_t step) const override {
      for (int64_t r = 0; r < rows; ++r, to += step) {
        const uint8_t* from = c_.a_.data() + (row + r) * c_.depth_;
        std::copy(from, from + c_.depth_, to);
        std::fill(to + c_.depth_, to + step, uint8_t(171));  // must not matter
      }
    }

   private:
    const Case& c_;
  };

  std::mt19937 random_;
  int64_t m_, n_, depth_;
  std::vector<uint8_t> a_;
  std::vector<int8_t> b_, packed_;
  std::vector<int32_t> offsets_, row_terms_, column_terms_;
  std::vector<float> scales_, bias_, added_;
};

struct Size {
  int64_t m, n, depth;
};
constexpr Size kSizes[] = {
    {34, 40, 4},   {66, 33, 62},   {1, 1, 0},      {20, 18, 0},  {1, 1, 1},     {1, 16, 4},
    {3, 17, 5},    {2, 33, 63},    {12, 32, 64},   {13, 31, 65}, {16, 16, 64},  {17, 48, 128},
    {31, 40, 27},  {32, 32, 1},    {33, 64, 3},    {40, 5, 200}, {197, 20, 70}, {300, 33, 40},
    {7, 16, 1024}, {35, 48, 1100}, {64, 32, 2100}, {5, 3, 1089}, {70, 40, 24},  {64, 16, 64},
    {300, 24, 62}, {34, 70, 16}};

TEST(IntegerGemm, SumsAreExact) {
  uint32_t seed = 1;
  for (const Size& s : kSizes)
    for (int round = 0; round < 3; ++round) {
      Case c(seed++, s.m, s.n, s.depth);
      for (const IntegerGemmKernel* kernel : all_kernels()) {
        c.check_sums(*kernel, false);
        c.check_sums(*kernel, true);
      }
    }
}

TEST(IntegerGemm, BytesAreRoundedAndSaturatedAsDefined) {
  uint32_t seed = 100;
  for (const Size& s : kSizes)
    for (int round = 0; round < 3; ++round) {
      Case c(seed++, s.m, s.n, s.depth);
      for (const IntegerGemmKernel* kernel : all_kernels()) {
        c.check_bytes(*kernel, false);
        c.check_bytes(*kernel, true);
      }
    }
}

TEST(IntegerGemm, WhatIsNoNumberBecomesTheLeastByte) {
  Case c(7, 3, 20, 8);
  for (const IntegerGemmKernel* kernel : all_kernels()) {
    const std::vector<float> scales(20, NAN);
    IntegerEpilogue e = c.epilogue(false, Activation::none);
    e.real = {};
    e.scales = scales.data();
    e.zero = 9, e.least = -128, e.most = 127;
    for (int64_t j = 0; j < 20; ++j)
      ASSERT_EQ(int8_t(c.product<uint8_t>(*kernel, e, false)[size_t(j)]), -128);
  }
}

// Kernels with the same vectors compute activations in the same way: the same bits.
TEST(IntegerGemm, EpiloguesAreThoseOfTheVectors) {
  constexpr Activation kAll[] = {Activation::none, Activation::relu, Activation::clip,
                                 Activation::gelu, Activation::silu};
  uint32_t seed = 200;
  for (const Size& s : kSizes) {
    Case c(seed++, s.m, s.n, s.depth);
    for (const Activation activation : kAll)
      for (const bool terms : {false, true}) {
        const IntegerEpilogue e = c.epilogue(terms, activation);
        const std::vector<float> wanted = c.product<float>(kIntegerGemmPortable, e, false);
        for (const IntegerGemmKernel* kernel : all_kernels()) {
          const std::vector<float> got = c.product<float>(*kernel, e, true);
          for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 2e-6 * 100);
        }
      }
  }
}

}  // namespace
}  // namespace hone::kernels
