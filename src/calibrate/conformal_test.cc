#include "calibrate/conformal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/hash.h"

namespace hone::calibrate {
namespace {

TEST(Conformal, TheRankIsThatOfOneMore) {
  std::vector<double> residuals;
  for (int i = 1; i <= 99; ++i) residuals.push_back(i % 2 == 0 ? i : -i);
  EXPECT_EQ(conformal_bound(residuals).half_width, 90);  // ⌈100 · 0.9⌉
  residuals.push_back(100);
  EXPECT_EQ(conformal_bound(residuals).half_width, 91);  // ⌈101 · 0.9⌉
  EXPECT_EQ(conformal_bound(residuals, 0.5).half_width, 51);
}

TEST(Conformal, NineAreTheFewest) {
  const std::vector<double> eight{1, 2, 3, 4, 5, 6, 7, 8}, nine{1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_FALSE(conformal_bound(eight).certified);
  EXPECT_EQ(conformal_bound(eight).half_width, 8);
  EXPECT_TRUE(conformal_bound(nine).certified);
  EXPECT_EQ(conformal_bound(nine).half_width, 9);
  EXPECT_EQ(conformal_bound(nine).n, 9u);
  const ConformalBound none = conformal_bound({});
  EXPECT_FALSE(none.certified);
  EXPECT_TRUE(std::isinf(none.half_width));
}

TEST(Conformal, WhatIsNoNumberIsFarOff) {
  std::vector<double> residuals(9, 0.1);
  residuals[4] = std::nan("");
  EXPECT_TRUE(std::isinf(conformal_bound(residuals).half_width));
  residuals.assign(99, 0.1);
  residuals[4] = std::nan("");
  EXPECT_EQ(conformal_bound(residuals).half_width, 0.1);
}

// Whatever the residuals are distributed like, the next one lies within in 90 % of the cases or
// somewhat more.
TEST(Conformal, CoversWhatItSays) {
  uint64_t state = 3;
  const auto draw = [&] {
    const double u = double(finalize64(state += kMixStep) >> 11) * 0x1p-53;
    return u * u * u / (1.001 - u);  // a heavy tail
  };
  for (const size_t n : {9u, 20u, 101u}) {
    int inside = 0;
    constexpr int kTrials = 4000;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> residuals;
      for (size_t i = 0; i < n; ++i) residuals.push_back(draw());
      inside += draw() <= conformal_bound(residuals).half_width;
    }
    const double most = std::ceil(double(n + 1) * 0.9) / double(n + 1);
    EXPECT_NEAR(double(inside) / kTrials, most, 0.015) << n;
  }
}

}  // namespace
}  // namespace hone::calibrate
