#include "measure/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/hash.h"

namespace hone::measure {
namespace {

TEST(Quantiles, LieBetweenNeighboursByAStraightLine) {
  const std::vector<double> values{4, 1, 3, 2};
  EXPECT_EQ(quantile(values, 0), 1);
  EXPECT_EQ(quantile(values, 0.5), 2.5);
  EXPECT_EQ(quantile(values, 1), 4);
  EXPECT_DOUBLE_EQ(quantile(values, 0.9), 3.7);
  EXPECT_EQ(quantile({}, 0.5), 0);
}

TEST(Statistics, Median) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median(std::vector<double>{3}), 3);
  EXPECT_EQ(median(std::vector<double>{4, 1, 3}), 3);
  EXPECT_EQ(median(std::vector<double>{4, 1, 2, 3}), 2.5);
}

TEST(Statistics, AllAlikeHasNoWidth) {
  const Interval i = median_of({{2, 2}, {2, 2, 2}});
  EXPECT_EQ(i.median, 2);
  EXPECT_EQ(i.low, 2);
  EXPECT_EQ(i.high, 2);
  EXPECT_EQ(i.n, 5u);
}

TEST(Statistics, TheIntervalHoldsTheMedianAndStaysInside) {
  const Interval i = median_of({{1, 2, 3}, {2, 3, 4}, {9, 10, 11}});
  EXPECT_LE(i.low, i.median);
  EXPECT_GE(i.high, i.median);
  EXPECT_GE(i.low, 1);
  EXPECT_LE(i.high, 11);
  EXPECT_GT(i.high, i.low);
}

// Rounds that differ make the interval wider than the measurements alone would.
TEST(Statistics, DrawsWholeRounds) {
  Rounds rounds;
  std::vector<double> all;
  for (int r = 0; r < 6; ++r) {
    rounds.emplace_back(50, 1.0 + r);
    all.insert(all.end(), rounds.back().begin(), rounds.back().end());
  }
  const Interval apart = median_of(rounds), together = median_of({all});
  EXPECT_GT(apart.high - apart.low, together.high - together.low);
}

// Of intervals with 95 % confidence, about as many hold what was sampled from. With few rounds the
// bootstrap is known to be too narrow.
TEST(Statistics, CoversWhatItSays) {
  constexpr int kTrials = 200, kRounds = 12;
  uint64_t state = 7;
  const auto uniform = [&] { return double(finalize64(state += kMixStep) >> 11) * 0x1p-53; };
  int holds = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    Rounds rounds;
    for (int r = 0; r < kRounds; ++r) {
      const double level = 10 + 2 * (uniform() - 0.5);
      rounds.emplace_back();
      for (int i = 0; i < 9; ++i) rounds.back().push_back(level + uniform() - 0.5);
    }
    const Interval interval = median_of(rounds);
    holds += interval.low <= 10 && 10 <= interval.high;
  }
  EXPECT_GE(holds, kTrials * 85 / 100);
  EXPECT_LE(holds, kTrials * 99 / 100);
}

TEST(Statistics, RatiosAreRoundByRound) {
  // Both are twice as slow in the second round: the ratio does not see it.
  const Interval i = ratio_of({{1, 1}, {2, 2}}, {{2, 2}, {4, 4}});
  EXPECT_EQ(i.median, 0.5);
  EXPECT_EQ(i.low, 0.5);
  EXPECT_EQ(i.high, 0.5);
}

}  // namespace
}  // namespace hone::measure
