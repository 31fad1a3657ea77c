// Tests of functions, powers and comparisons against the C library, on every instruction set that
// this machine has.
#include "kernels/functions/functions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const FunctionKernels*> all_kernels() {
  std::vector<const FunctionKernels*> all{&kFunctionsPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kFunctionsAvx2);
  if (has_avx512()) all.push_back(&kFunctionsAvx512);
#endif
  return all;
}

constexpr double kA = 0.75, kB = 1.25;

double exact(Function f, double x) {
  switch (f) {
    case Function::ceiling: return std::ceil(x);
    case Function::celu: return x < 0 ? kA * std::expm1(x / kA) : x;
    case Function::elu: return x < 0 ? kA * std::expm1(x) : x;
    case Function::floor: return std::floor(x);
    case Function::hard_sigmoid: return std::min(1.0, std::max(0.0, kA * x + kB));
    case Function::hard_swish: return x * std::min(1.0, std::max(0.0, x / 6 + 0.5));
    case Function::leaky_relu: return x < 0 ? kA * x : x;
    case Function::logarithm: return std::log(x);
    case Function::mish: return x * std::tanh(std::log1p(std::exp(x)));
    case Function::reciprocal: return 1 / x;
    case Function::round: return std::nearbyint(x);
    case Function::selu: return kB * (x <= 0 ? kA * std::expm1(x) : x);
    case Function::shrink: return x < -kB ? x + kA : x > kB ? x - kA : 0;
    case Function::sign: return x == 0 ? 0 : std::copysign(1.0, x);
    case Function::softplus: return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
    case Function::softsign: return x / (1 + std::fabs(x));
    case Function::square: return x * x;
    case Function::swish: return x / (1 + std::exp(-kA * x));
    case Function::thresholded_relu: return x > kA ? x : 0;
  }
  return NAN;
}

double units(double got, double want, double least) {
  if (got == want) return 0;
  return std::fabs(got - want) / std::ldexp(1.0, std::ilogb(std::max(std::fabs(want), least)) - 23);
}

TEST(Functions, AreAccurate) {
  for (const FunctionKernels* kernels : all_kernels())
    for (int f = 0; f <= int(Function::thresholded_relu); ++f) {
      std::vector<float> x;
      for (float v = Function(f) == Function::logarithm ? 1e-6f : -30.0f; v < 30; v += 0.00037f)
        x.push_back(v);
      std::vector<float> y(x.size());
      kernels->map(Function(f), float(kA), float(kB), x.data(), y.data(), int64_t(x.size()));
      double worst = 0;
      for (size_t i = 0; i < x.size(); ++i)
        worst = std::max(worst, units(double(y[i]), exact(Function(f), double(x[i])), 0x1p-20));
      // Rounding a x before the exponential costs as many units as it is large.
      EXPECT_LE(worst, Function(f) == Function::swish ? 20 : 5) << "function " << f;
    }
}

// Zeros, numbers whose exponential underflows, and the ways there.
TEST(Functions, KeepTheSignOfSmallResults) {
  std::vector<float> x{0, -0.0f, 1e-45f, -1e-45f, -3e38f};
  for (float v = 1e-40f; v < 1e38f; v *= 1.3f) x.insert(x.end(), {v, -v});
  for (float v = -120; v < 0; v += 0.01f) x.push_back(v);
  constexpr Function kKeep[] = {Function::celu,     Function::elu,        Function::hard_swish,
                                Function::mish,     Function::leaky_relu, Function::selu,
                                Function::softplus, Function::softsign,   Function::swish};
  for (const FunctionKernels* kernels : all_kernels())
    for (const Function f : kKeep) {
      std::vector<float> y(x.size());
      kernels->map(f, float(kA), float(kB), x.data(), y.data(), int64_t(x.size()));
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = exact(f, double(x[i]));
        ASSERT_EQ(std::signbit(y[i]), std::signbit(want)) << int(f) << " of " << x[i];
        ASSERT_NEAR(double(y[i]), want, 1e-5 * std::fabs(want) + 2e-36) << int(f) << " of " << x[i];
      }
    }
}

TEST(Functions, SpecialValues) {
  for (const FunctionKernels* kernels : all_kernels()) {
    const float x[] = {NAN, INFINITY, -INFINITY, 0, -1, 1e-40f, 3e38f, 2.5f, -3.5f, 1e30f};
    constexpr size_t kCount = std::size(x);
    const auto of = [&](Function f) {
      std::vector<float> y(kCount);
      kernels->map(f, 1, 1, x, y.data(), kCount);
      return y;
    };
    const auto log = of(Function::logarithm);
    EXPECT_TRUE(std::isnan(log[0]));
    EXPECT_EQ(log[1], INFINITY);
    EXPECT_TRUE(std::isnan(log[2]));
    EXPECT_EQ(log[3], -INFINITY);
    EXPECT_TRUE(std::isnan(log[4]));
    EXPECT_NEAR(log[5], std::log(1e-40f), 1e-4);
    EXPECT_NEAR(log[6], std::log(3e38f), 1e-5);
    const auto soft = of(Function::softplus);
    EXPECT_TRUE(std::isnan(soft[0]));
    EXPECT_EQ(soft[1], INFINITY);
    EXPECT_EQ(soft[2], 0);
    EXPECT_EQ(of(Function::mish)[6], 3e38f);
    EXPECT_TRUE(std::isnan(of(Function::mish)[0]));
    const auto near = of(Function::round);
    EXPECT_EQ(near[7], 2);
    EXPECT_EQ(near[8], -4);
    EXPECT_EQ(near[9], 1e30f);
    EXPECT_EQ(near[2], -INFINITY);
    EXPECT_EQ(of(Function::floor)[8], -4);
    EXPECT_EQ(of(Function::ceiling)[8], -3);
    EXPECT_TRUE(std::isnan(of(Function::sign)[0]));
    EXPECT_EQ(of(Function::elu)[2], -1);
  }
}

TEST(Functions, PowersAreAccurate) {
  std::vector<float> x, y;
  for (float base = 1e-20f; base < 1e20f; base *= 1.7f)
    for (float e = -8; e < 8; e += 0.37f) {
      const double want = std::pow(double(base), double(e));
      if (want < 1e-37 || want > 3e38) continue;
      x.push_back(base);
      y.push_back(e);
    }
  for (float base = 0.5f; base < 2; base += 0.0013f)
    for (const float e : {-100.0f, -0.75f, 0.5f, 2.0f, 3.0f, 110.5f}) {
      x.push_back(base);
      y.push_back(e);
    }
  for (const FunctionKernels* kernels : all_kernels()) {
    std::vector<float> z(x.size());
    kernels->pairwise(Pairwise::power, x.data(), 1, y.data(), 1, z.data(), int64_t(x.size()));
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i)
      worst = std::max(worst, units(double(z[i]), std::pow(double(x[i]), double(y[i])), 0x1p-125));
    EXPECT_LE(worst, 2.5);
  }
}

TEST(Functions, PowersOfSpecialValues) {
  const float special[] = {NAN,   INFINITY, -INFINITY, 0, -0.0f, 1,     -1,   2,      -2,     0.5f,
                           -0.5f, 3,        -3,        4, 2.5f,  -2.5f, 1e9f, -1e30f, 1e-40f, 200};
  std::vector<float> x, y, want;
  for (const float a : special)
    for (const float b : special) {
      x.push_back(a);
      y.push_back(b);
      want.push_back(float(std::pow(double(a), double(b))));
    }
  for (const FunctionKernels* kernels : all_kernels()) {
    std::vector<float> z(x.size());
    kernels->pairwise(Pairwise::power, x.data(), 1, y.data(), 1, z.data(), int64_t(x.size()));
    for (size_t i = 0; i < x.size(); ++i) {
      SCOPED_TRACE(std::to_string(x[i]) + " to the power " + std::to_string(y[i]));
      if (std::isnan(want[i])) {
        EXPECT_TRUE(std::isnan(z[i])) << z[i];
      } else if (std::isinf(want[i]) || want[i] == 0) {
        EXPECT_EQ(z[i], want[i]);
        EXPECT_EQ(std::signbit(z[i]), std::signbit(want[i]));
      } else {
        EXPECT_NEAR(z[i] / want[i], 1, 1e-6);
      }
    }
  }
}

TEST(Functions, PairsAndChoices) {
  const float values[] = {1, 2, NAN, -3, INFINITY, 0, -0.0f};
  constexpr int64_t kCount = 7 * 7 * 3;
  std::vector<float> a, b;
  for (int64_t i = 0; i < kCount; ++i) {
    a.push_back(values[i % 7]);
    b.push_back(values[i / 7 % 7]);
  }
  std::vector<uint8_t> flags(kCount), relation(kCount);
  for (size_t i = 0; i < size_t(kCount); ++i) flags[i] = i % 3 == 0 ? uint8_t(i % 2 + 1) : 0;
  for (const FunctionKernels* kernels : all_kernels())
    for (const int64_t n : {int64_t{0}, int64_t{1}, int64_t{5}, int64_t{16}, int64_t{33}, kCount})
      for (const int64_t a_step : {0, 1})
        for (const int64_t b_step : {0, 1}) {
          const auto at = [&](const std::vector<float>& v, int64_t step, int64_t i) {
            return v[size_t(i * step)];
          };
          std::vector<float> y(static_cast<size_t>(n));
          kernels->pairwise(Pairwise::maximum, a.data(), a_step, b.data(), b_step, y.data(), n);
          for (int64_t i = 0; i < n; ++i) {
            const float p = at(a, a_step, i), q = at(b, b_step, i);
            const float larger = std::isnan(p) || std::isnan(q) ? NAN : std::max(p, q);
            EXPECT_TRUE(y[size_t(i)] == larger || (std::isnan(larger) && std::isnan(y[size_t(i)])));
          }
          kernels->compare(Relation::less, a.data(), a_step, b.data(), b_step, relation.data(), n);
          for (int64_t i = 0; i < n; ++i)
            EXPECT_EQ(relation[size_t(i)], at(a, a_step, i) < at(b, b_step, i));
          kernels->compare(Relation::greater_or_equal, a.data(), a_step, b.data(), b_step,
                           relation.data(), n);
          for (int64_t i = 0; i < n; ++i)
            EXPECT_EQ(relation[size_t(i)], at(a, a_step, i) >= at(b, b_step, i));
          for (const int64_t step : {0, 1}) {
            kernels->choose(flags.data(), step, a.data(), a_step, b.data(), b_step, y.data(), n);
            for (int64_t i = 0; i < n; ++i) {
              const float want = flags[size_t(i * step)] ? at(a, a_step, i) : at(b, b_step, i);
              EXPECT_TRUE(y[size_t(i)] == want || std::isnan(want));
            }
          }
        }
}

}  // namespace
}  // namespace hone::kernels
