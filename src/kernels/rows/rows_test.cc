// Tests of row kernels against the C library, on every instruction set that this machine has.
#include "kernels/rows/rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const RowKernels*> all_kernels() {
  std::vector<const RowKernels*> all{&kRowsPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kRowsAvx2);
  if (has_avx512()) all.push_back(&kRowsAvx512);
#endif
  return all;
}

double exact(Unary f, double x) {
  switch (f) {
    case Unary::abs: return std::fabs(x);
    case Unary::erf: return std::erf(x);
    case Unary::exp: return std::exp(x);
    case Unary::gelu: return 0.5 * x * std::erfc(-x * M_SQRT1_2);
    case Unary::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case Unary::neg: return -x;
    case Unary::relu: return std::max(x, 0.0);
    case Unary::sigmoid: return 1 / (1 + std::exp(-x));
    case Unary::silu: return x / (1 + std::exp(-x));
    case Unary::sqrt: return std::sqrt(x);
    case Unary::tanh: return std::tanh(x);
  }
  return NAN;
}

// The largest error, in units in the last place of results that are no smaller than `least`.
double error_of(const RowKernels& kernels, Unary f, double least) {
  std::vector<float> x, y;
  for (float v = f == Unary::sqrt ? 0.0f : -20.0f; v < 20; v += 0.00037f) x.push_back(v);
  y.resize(x.size());
  kernels.unary(f, x.data(), y.data(), int64_t(x.size()));
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = exact(f, double(x[i]));
    const double unit = std::ldexp(1.0, std::ilogb(std::max(std::fabs(want), least)) - 23);
    worst = std::max(worst, std::fabs(double(y[i]) - want) / unit);
  }
  return worst;
}

TEST(Rows, FunctionsAreAccurate) {
  struct Bound {
    Unary f;
    double ulp, least;
  };
  // GELUs of negative numbers are small differences of large ones: what counts is the distance.
  constexpr Bound kBounds[] = {
      {Unary::abs, 0, 0x1p-20},     {Unary::erf, 4, 0x1p-20},      {Unary::exp, 2.5, 0x1p-40},
      {Unary::gelu, 28, 0.125},     {Unary::gelu_tanh, 16, 0.125}, {Unary::neg, 0, 0x1p-20},
      {Unary::relu, 0, 0x1p-20},    {Unary::sigmoid, 4, 0x1p-20},  {Unary::silu, 5, 0x1p-20},
      {Unary::sqrt, 0.51, 0x1p-20}, {Unary::tanh, 4, 0x1p-20},
  };
  for (const RowKernels* kernels : all_kernels())
    for (const Bound& b : kBounds)
      EXPECT_LE(error_of(*kernels, b.f, b.least), b.ulp) << "function " << int(b.f);
}

// Zeros, and numbers whose result is too small for an f32.
TEST(Rows, KeepTheSignOfSmallResults) {
  std::vector<float> x{0, -0.0f, 1e-45f, -1e-45f, -3e38f};
  for (float v = 1e-40f; v < 1e38f; v *= 1.3f) x.insert(x.end(), {v, -v});
  for (float v = -120; v < 0; v += 0.001f) x.push_back(v);
  constexpr Unary kKeep[] = {Unary::abs, Unary::erf,  Unary::gelu, Unary::gelu_tanh,
                             Unary::neg, Unary::silu, Unary::sqrt, Unary::tanh};
  for (const RowKernels* kernels : all_kernels())
    for (const Unary f : kKeep) {
      std::vector<float> y(x.size());
      kernels->unary(f, x.data(), y.data(), int64_t(x.size()));
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = exact(f, double(x[i]));
        if (std::isnan(want)) continue;  // roots
        ASSERT_EQ(std::signbit(y[i]), std::signbit(want)) << int(f) << " of " << x[i];
        ASSERT_NEAR(double(y[i]), want, 1e-6 * std::fabs(want) + 4e-7) << int(f) << " of " << x[i];
      }
    }
}

TEST(Rows, SpecialValues) {
  for (const RowKernels* kernels : all_kernels()) {
    float x[] = {NAN, INFINITY, -INFINITY, 100, -100, 88, 0, -0.0f, 1e-30f};
    float y[9];
    const auto of = [&](Unary f) {
      kernels->unary(f, x, y, 9);
      return std::vector<float>(y, y + 9);
    };
    for (int f = 0; f <= int(Unary::tanh); ++f) EXPECT_TRUE(std::isnan(of(Unary(f))[0])) << f;
    const auto e = of(Unary::exp);
    EXPECT_EQ(e[1], INFINITY);
    EXPECT_EQ(e[2], 0);
    EXPECT_EQ(e[3], INFINITY);
    EXPECT_EQ(e[4], 0);
    EXPECT_EQ(e[6], 1);
    const auto s = of(Unary::sigmoid), t = of(Unary::tanh);
    EXPECT_EQ(s[1], 1);
    EXPECT_EQ(s[2], 0);
    EXPECT_EQ(t[1], 1);
    EXPECT_EQ(t[2], -1);
    EXPECT_EQ(t[8], 1e-30f);
    EXPECT_EQ(of(Unary::erf)[2], -1);
    float c[9];
    kernels->clip(x, -1, 2, c, 9);
    EXPECT_TRUE(std::isnan(c[0]));
    EXPECT_EQ(c[1], 2);
    EXPECT_EQ(c[4], -1);
  }
}

std::vector<float> numbers(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> next(-3, 3);
  std::vector<float> x(n);
  for (float& v : x) v = next(random);
  return x;
}

TEST(Rows, Arithmetic) {
  for (const RowKernels* kernels : all_kernels())
    for (const size_t n : {0, 1, 3, 8, 17, 100})
      for (const int64_t a_step : {0, 1})
        for (const int64_t b_step : {0, 1}) {
          const auto a = numbers(n + 1, 1), b = numbers(n + 1, 2);
          std::vector<float> y(n);
          const auto check = [&](Binary f, auto g) {
            kernels->binary(f, a.data(), a_step, b.data(), b_step, y.data(), int64_t(n));
            for (size_t i = 0; i < n; ++i)
              EXPECT_EQ(y[i], g(a[i * size_t(a_step)], b[i * size_t(b_step)])) << i;
          };
          check(Binary::add, [](float p, float q) { return p + q; });
          check(Binary::sub, [](float p, float q) { return p - q; });
          check(Binary::mul, [](float p, float q) { return p * q; });
          check(Binary::div, [](float p, float q) { return p / q; });
        }
}

TEST(Rows, Normalizations) {
  for (const RowKernels* kernels : all_kernels())
    for (const size_t n : {1, 2, 7, 16, 33, 768}) {
      const auto x = numbers(n, 3), scale = numbers(n, 4), bias = numbers(n, 5);
      std::vector<float> y(n);
      double top = -INFINITY, sum = 0, total = 0, squares = 0;
      for (const float v : x) top = std::max<double>(top, v), total += v;
      for (const float v : x) sum += std::exp(v - top);
      const double mean = total / double(n);
      for (const float v : x) squares += (v - mean) * (v - mean);
      EXPECT_NEAR(kernels->sum(x.data(), int64_t(n)), total, 1e-4);
      kernels->softmax(x.data(), 1, y.data(), int64_t(n));
      for (size_t i = 0; i < n; ++i) EXPECT_NEAR(y[i], std::exp(x[i] - top) / sum, 1e-6);
      const double inverse = 1 / std::sqrt(squares / double(n) + 1e-5);
      EXPECT_TRUE(kernels->layer_normalization(x.data(), scale.data(), bias.data(), 1e-5f, y.data(),
                                               int64_t(n)));
      for (size_t i = 0; i < n; ++i)
        EXPECT_NEAR(y[i], (x[i] - mean) * inverse * scale[i] + bias[i], 2e-5);
      EXPECT_TRUE(kernels->layer_normalization(x.data(), scale.data(), nullptr, 1e-5f, y.data(),
                                               int64_t(n)));
      for (size_t i = 0; i < n; ++i) EXPECT_NEAR(y[i], (x[i] - mean) * inverse * scale[i], 2e-5);
      kernels->standardize(x.data(), 0.5f, 2.0f, 0.25f, y.data(), int64_t(n));
      for (size_t i = 0; i < n; ++i) EXPECT_NEAR(y[i], (x[i] - 0.5f) * 2 + 0.25f, 1e-6);
    }
  for (const RowKernels* kernels : all_kernels()) {
    auto x = numbers(20, 6);
    x[13] = NAN;
    std::vector<float> y(20);
    kernels->softmax(x.data(), 1, y.data(), 20);
    EXPECT_TRUE(std::ranges::all_of(y, [](float v) { return std::isnan(v); }));
    // Neither has a variance.
    for (const float odd : {NAN, 1e30f}) {
      x[13] = odd;
      std::ranges::fill(y, 7.0f);
      EXPECT_FALSE(kernels->layer_normalization(x.data(), x.data(), nullptr, 1e-5f, y.data(), 20));
      EXPECT_TRUE(std::ranges::all_of(y, [](float v) { return v == 7; }));
    }
  }
}

}  // namespace
}  // namespace hone::kernels
