// Samples that others disturbed are told from those that were not.
#include "measure/noise.h"

#include <gtest/gtest.h>

namespace hone::measure {
namespace {

using Basis = Typical::Basis;

TimeSample quiet(double seconds) { return {seconds, seconds, 0, 1}; }
TimeSample switched(double seconds, double cpu) { return {seconds, cpu, 2, 1}; }

TEST(Noise, WhatDisturbsASample) {
  EXPECT_FALSE(is_disturbed(quiet(1e-3), 1));
  EXPECT_TRUE(is_disturbed(switched(1e-3, 1e-3), 1));
  EXPECT_TRUE(is_disturbed({1e-3, 0.9e-3, 0, 1}, 1));   // waited
  EXPECT_FALSE(is_disturbed({1e-3, 0.9e-3, 0, 1}, 2));  // for another thread, perhaps
  EXPECT_FALSE(is_disturbed({4e-6, 2e-6, 0, 1}, 1));    // what the clocks cost
}

TEST(Noise, DisturbedSamplesDoNotCount) {
  TimeRounds rounds(3);
  for (auto& round : rounds)
    for (int i = 0; i < 4; ++i) {
      round.push_back(quiet(1e-3 + 1e-6 * i));
      round.push_back(switched(8e-3, 1.2e-3));
    }
  const Typical t = typical_of(rounds, 1);
  EXPECT_EQ(t.basis, Basis::undisturbed);
  EXPECT_EQ(t.samples, 24u);
  EXPECT_EQ(t.disturbed, 12u);
  EXPECT_EQ(t.latency.n, 12u);
  EXPECT_NEAR(t.latency.median, 1e-3, 1e-5);
  EXPECT_TRUE(t.reason.empty());
  ASSERT_TRUE(apart(rounds, 1).has_value());
  EXPECT_LT(*apart(rounds, 1), 1e-3);
}

TEST(Noise, WhereAllAreDisturbedOneThreadHasItsCpuTime) {
  TimeRounds rounds(2);
  for (auto& round : rounds)
    for (int i = 0; i < 10; ++i) round.push_back(switched(1e-3 * (2 + i), 1e-3 + 1e-6 * i));
  const Typical one = typical_of(rounds, 1);
  EXPECT_EQ(one.basis, Basis::cpu_time);
  EXPECT_NEAR(one.latency.median, 1e-3, 1e-5);
  const Typical two = typical_of(rounds, 2);
  EXPECT_TRUE(two.noisy());
  EXPECT_EQ(two.basis, Basis::none);
  EXPECT_NE(two.reason.find("20 of 20 samples were disturbed"), std::string::npos) << two.reason;
  EXPECT_FALSE(apart(rounds, 2).has_value());
}

TEST(Noise, NoNumberFromRoundsThatDisagree) {
  TimeRounds rounds;
  for (const double seconds : {1e-3, 2e-3, 3e-3})
    rounds.push_back(std::vector<TimeSample>(9, quiet(seconds)));
  const Typical t = typical_of(rounds, 1);
  EXPECT_TRUE(t.noisy());
  EXPECT_EQ(t.latency.n, 0u);
  EXPECT_NE(t.reason.find("the interval of 95 %"), std::string::npos) << t.reason;
}

TEST(Noise, NothingAndASingleSample) {
  EXPECT_EQ(typical_of({}, 1).reason, "nothing was measured");
  EXPECT_TRUE(typical_of({{quiet(1)}}, 1).noisy());
  EXPECT_FALSE(apart({{quiet(1), quiet(1)}}, 1).has_value());
}

TEST(Noise, SamplesOfSeveralRuns) {
  const TimeRounds rounds(3, std::vector<TimeSample>(5, TimeSample{1e-3, 1e-3, 0, 100}));
  EXPECT_NEAR(typical_of(rounds, 1).latency.median, 1e-5, 1e-9);
}

}  // namespace
}  // namespace hone::measure
