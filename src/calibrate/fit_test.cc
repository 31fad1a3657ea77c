// Fits of made-up samples whose coefficients are known.
#include "calibrate/fit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "calibrate/draw.h"
#include "calibrate/program_runner.h"
#include "estimate/latency.h"

namespace hone::calibrate {
namespace {

using estimate::Calibration;
using estimate::FamilyFit;
using estimate::Features;
using estimate::kFeatures;

constexpr size_t kUsed[] = {0, 1, 3, kFeatures - 1};
constexpr double kTrue[] = {2e-11, 5e-10, 1e-9, 1e-6};

Features truth() {
  Features f{};
  for (size_t i = 0; i < std::size(kUsed); ++i) f[kUsed[i]] = kTrue[i];
  return f;
}

// Of one family, with times that are exact, but for a factor.
std::vector<Sample> samples_of(std::string_view family, size_t count, uint64_t seed,
                               double (*factor)(const Sample&, Draw&)) {
  Draw draw(seed);
  std::vector<Sample> samples;
  FamilyFit fit;
  fit.coefficients = truth();
  for (size_t i = 0; i < count; ++i) {
    Sample s;
    s.step.family = estimate::family_named(family);
    s.step.features[0] = double(draw.size(1e3, 1e7));
    s.step.features[1] = double(draw.size(1e2, 1e5));
    s.step.features[3] = double(draw.size(1e2, 1e5));
    s.step.features[kFeatures - 1] = 1;
    s.dims = std::to_string(seed) + " " + std::to_string(i);
    for (size_t p = 0; p < 3; ++p) s.step.position[p] = std::log(s.step.features[p == 2 ? 3 : p]);
    s.seconds = estimate::fitted_seconds(fit, s.step.features) * factor(s, draw);
    samples.push_back(s);
  }
  return samples;
}
double exact(const Sample&, Draw&) { return 1; }

double largest_error(const FamilyFit& fit, const std::vector<Sample>& samples) {
  double largest = 0;
  for (const Sample& s : samples)
    largest =
        std::max(largest, std::abs(estimate::fitted_seconds(fit, s.step.features) / s.seconds - 1));
  return largest;
}

TEST(Fit, RecoversCoefficients) {
  const auto fits = fit_families(samples_of("linear", 60, 1, exact), {}, nullptr);
  ASSERT_TRUE(fits.ok()) << describe(fits.error());
  ASSERT_EQ(fits->size(), 1u);
  const FamilyFit& fit = fits->front();
  EXPECT_EQ(fit.family, "linear");
  const Features expected = truth();
  for (size_t i = 0; i < kFeatures; ++i)
    EXPECT_NEAR(fit.coefficients[i], expected[i], 1e-4 * expected[i] + 1e-16) << i;
  EXPECT_EQ(fit.residuals.size(), 60u);
  EXPECT_LT(fit.median_error, 1e-4);
  EXPECT_LT(fit.p90_error, 1e-3);
  EXPECT_LT(largest_error(fit, samples_of("linear", 40, 2, exact)), 1e-3);
}

TEST(Fit, OneOutlierPullsLittle) {
  auto samples = samples_of("linear", 60, 1, exact);
  samples[7].seconds *= 20;
  const auto fits = fit_families(samples, {}, nullptr);
  ASSERT_TRUE(fits.ok());
  EXPECT_LT(largest_error(fits->front(), samples_of("linear", 40, 2, exact)), 0.05);
}

TEST(Fit, NoiseIsNotCorrectedAndBoundsHold) {
  const auto noise = [](const Sample&, Draw& d) { return std::exp(0.1 * (d.unit() - 0.5)); };
  const auto fits = fit_families(samples_of("linear", 100, 1, noise), {}, nullptr);
  ASSERT_TRUE(fits.ok());
  const FamilyFit& fit = fits->front();
  EXPECT_GT(fit.half_width, 0.02);
  EXPECT_LT(fit.half_width, 0.1);
  size_t within = 0;
  const auto others = samples_of("linear", 200, 9, noise);
  for (const Sample& s : others) {
    double estimated = estimate::fitted_seconds(fit, s.step.features);
    if (fit.corrects) estimated *= std::exp(estimate::correction(fit, s.step.position));
    within += std::abs(std::log(s.seconds / estimated)) <= fit.half_width;
  }
  EXPECT_GE(within, 160u);  // 90 % of 200, and room for chance
}

// A factor that depends on the shape alone can be learnt from neighbours.
TEST(Fit, CorrectsWhatShapesExplain) {
  const auto shaped = [](const Sample& s, Draw&) { return s.step.position[0] > 12 ? 1.6 : 1.0; };
  const auto fits = fit_families(samples_of("linear", 110, 1, shaped), {}, nullptr);
  ASSERT_TRUE(fits.ok());
  EXPECT_TRUE(fits->front().corrects);
}

// The same shape measured again is not another shape: nothing that stands in a fold has been seen.
TEST(Fit, EqualShapesAreLeftOutTogether) {
  const auto noise = [](const Sample&, Draw& d) { return std::exp(d.unit() - 0.5); };
  auto samples = samples_of("linear", 40, 1, noise);
  const auto once = samples;
  for (int i = 0; i < 3; ++i) samples.insert(samples.end(), once.begin(), once.end());
  const auto fits = fit_families(samples, {}, nullptr);
  ASSERT_TRUE(fits.ok());
  // Seen copies would be foretold exactly.
  EXPECT_GT(fits->front().median_error, 0.1);
}

// Where the prior is right but for the pace, few samples adopt it, corrector and all.
TEST(Fit, APriorThatFitsIsAdopted) {
  const auto shaped = [](const Sample& s, Draw&) { return s.step.position[0] > 12 ? 1.6 : 1.0; };
  const auto known = fit_families(samples_of("linear", 150, 1, shaped), {}, nullptr);
  ASSERT_TRUE(known.ok());
  Calibration prior;
  prior.families = *known;
  const auto slower = [](const Sample& s, Draw&) { return s.step.position[0] > 12 ? 3.2 : 2.0; };
  const auto fits = fit_families(samples_of("linear", 15, 7, slower), {}, &prior);
  ASSERT_TRUE(fits.ok());
  const FamilyFit& fit = fits->front();
  EXPECT_TRUE(fit.adopted);
  EXPECT_LE(fit.own, 15u);
  double sum = 0;
  const auto others = samples_of("linear", 100, 8, slower);
  for (const Sample& s : others)
    sum += std::abs(std::log(s.seconds / estimate::fitted_seconds(fit, s.step.features)) -
                    estimate::correction(fit, s.step.position));
  EXPECT_LT(sum / 100, 0.1);
}

TEST(Fit, FamiliesAreApart) {
  auto samples = samples_of("linear", 40, 1, exact);
  const auto slow = samples_of("softmax", 40, 2, [](const Sample&, Draw&) { return 3.0; });
  samples.insert(samples.end(), slow.begin(), slow.end());
  const auto fits = fit_families(samples, {}, nullptr);
  ASSERT_TRUE(fits.ok());
  ASSERT_EQ(fits->size(), 2u);
  for (const FamilyFit& fit : *fits)
    EXPECT_NEAR(fit.coefficients[0] / kTrue[0], fit.family == "softmax" ? 3 : 1, 1e-3);
}

// A feature that few samples have is not slower than memory can be.
TEST(Fit, RatesBoundTraffic) {
  auto samples = samples_of("linear", 30, 1, exact);
  constexpr size_t kFromMemory = estimate::kMostCounts + 2;
  for (size_t i = 0; i < 2; ++i) {
    samples[i].step.features[kFromMemory] = 1e3;
    samples[i].seconds *= 10;
  }
  estimate::Rates rates;
  rates.dram_bytes_per_s = 1e10;
  const auto fits = fit_families(samples, rates, nullptr);
  ASSERT_TRUE(fits.ok());
  EXPECT_LE(fits->front().coefficients[kFromMemory], 6 / 1e10 * (1 + 1e-9));
}

Calibration prior_of(std::initializer_list<const char*> families) {
  Calibration prior;
  for (const char* name : families) {
    FamilyFit fit;
    fit.family = name;
    fit.coefficients = truth();
    fit.half_width = 0.1;
    fit.corrects = true;
    fit.residuals = {{{}, 0.5, 1e-6}};
    prior.families.push_back(fit);
  }
  return prior;
}

TEST(Fit, FewSamplesKeepToThePrior) {
  const auto twice = [](const Sample&, Draw&) { return 2.0; };
  const auto few = samples_of("linear", 3, 5, twice), others = samples_of("linear", 60, 6, twice);
  const Calibration prior = prior_of({"linear"});
  const auto with = fit_families(few, {}, &prior), without = fit_families(few, {}, nullptr);
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_LT(largest_error(with->front(), others), 0.05);
  EXPECT_GT(largest_error(without->front(), others), largest_error(with->front(), others));
  for (const double c : with->front().coefficients) EXPECT_GE(c, 0);
}

TEST(Fit, ManySamplesOverruleThePrior) {
  Calibration prior = prior_of({"linear"});
  for (double& c : prior.families[0].coefficients) c = c > 0 ? 1e-9 : 0;
  const auto fits = fit_families(samples_of("linear", 100, 5, exact), {}, &prior);
  ASSERT_TRUE(fits.ok());
  EXPECT_LT(fits->front().median_error, 0.15);
}

TEST(Fit, WhatWasNotMeasuredIsAsThePriorAtThisPace) {
  Calibration prior = prior_of({"linear", "softmax"});
  for (FamilyFit& f : prior.families) {  // what was measured there was not measured here
    f.residuals.resize(3);
    f.own = 3;
  }
  const auto fits = fit_families(
      samples_of("linear", 40, 1, [](const Sample&, Draw&) { return 2.0; }), {}, &prior);
  ASSERT_TRUE(fits.ok());
  ASSERT_EQ(fits->size(), 2u);
  const FamilyFit& softmax = fits->back();
  EXPECT_EQ(softmax.family, "softmax");
  for (size_t i = 0; i < kFeatures; ++i)
    EXPECT_NEAR(softmax.coefficients[i], 2 * truth()[i], 1e-3 * truth()[i] + 1e-20);
  EXPECT_TRUE(softmax.residuals.empty());
  EXPECT_FALSE(softmax.corrects);
  EXPECT_EQ(softmax.half_width, 0.2);
  EXPECT_EQ(softmax.own, 0u);
}

TEST(Fit, NothingGivesNothing) {
  const auto fits = fit_families({}, {}, nullptr);
  ASSERT_TRUE(fits.ok());
  EXPECT_TRUE(fits->empty());
}

TEST(Networks, ScaleIsTheMedianAndTheBoundIsLeaveOneOut) {
  std::vector<NetworkTime> networks;
  for (int i = 0; i < 25; ++i) {
    const double r = 0.01 * (i - 12);  // around a factor of 1.5
    networks.push_back({"n", 1e-3, 1.5e-3 * std::exp(r)});
  }
  Calibration c;
  fit_networks(networks, c);
  EXPECT_NEAR(c.scale, 1.5, 1e-9);
  ASSERT_EQ(c.network_residuals.size(), 25u);
  // The 24th of 25 absolute residuals.
  EXPECT_GT(c.half_width, 0.10);
  EXPECT_LE(c.half_width, 0.13);
}

TEST(Networks, TooFewHaveNoBound) {
  Calibration c;
  fit_networks({{"a", 1, 2}, {"b", 1, 2}, {"c", 1, 2}}, c);
  EXPECT_NEAR(c.scale, 2, 1e-9);
  EXPECT_EQ(c.half_width, 0);
  Calibration none;
  fit_networks({}, none);
  EXPECT_EQ(none.scale, 1);
  EXPECT_TRUE(none.network_residuals.empty());
}

TEST(Networks, OneOutlierIsInTheBoundOnlyOfFew) {
  std::vector<NetworkTime> networks(25, {"n", 1, 1});
  networks[3].measured = 10;
  Calibration c;
  fit_networks(networks, c);
  EXPECT_NEAR(c.scale, 1, 1e-9);
  EXPECT_NEAR(c.half_width, 0, 1e-9);
}

TEST(Runs, WhatStepsAndRunsTakeBesideKernels) {
  Samples samples;
  for (size_t steps = 5; steps < 60; steps += 5)
    samples.runs.push_back({"n", steps, 1e-3 + 2e-7 * double(steps) + 3e-6, 1e-3, nullptr});
  Calibration c;
  ASSERT_TRUE(fit_runs(samples, c).ok());
  EXPECT_NEAR(c.step_seconds, 2e-7, 1e-9);
  EXPECT_NEAR(c.run_seconds, 3e-6, 1e-8);
  Calibration none;
  ASSERT_TRUE(fit_runs({}, none).ok());
  EXPECT_EQ(none.run_seconds, 0);
}

// The differences are as noisy as the times, and some are below zero.
TEST(Runs, NoiseDoesNotHideWhatRunsTake) {
  Draw draw(3);
  Samples samples;
  for (size_t i = 0; i < 200; ++i) {
    const size_t steps = 5 + i % 50;
    const double sum = 2e-4, noise = 2e-6 * (draw.unit() - 0.5);
    samples.runs.push_back({"n", steps, sum + 5e-8 * double(steps) + 1e-6 + noise, sum, nullptr});
  }
  Calibration c;
  ASSERT_TRUE(fit_runs(samples, c).ok());
  EXPECT_NEAR(c.run_seconds + 30 * c.step_seconds, 1e-6 + 30 * 5e-8, 3e-7);
}

TEST(Typical, IsTheMedianOfUndisturbedTimes) {
  const Typical t = typical(std::vector<double>{5, 1, 3, 2, 4}, std::vector<double>{100});
  EXPECT_EQ(t.seconds, 3);
  EXPECT_NEAR(t.spread, (4.0 - 2.0) / 2 / 3, 1e-12);
  EXPECT_EQ(t.runs, 5u);
  EXPECT_FALSE(t.by_cpu_time);
}

TEST(Typical, FallsBackToTimesOfTheThread) {
  const Typical t = typical(std::vector<double>{1, 1, 1, 1}, std::vector<double>{7, 8, 9});
  EXPECT_EQ(t.seconds, 8);
  EXPECT_EQ(t.runs, 3u);
  EXPECT_TRUE(t.by_cpu_time);
  EXPECT_EQ(typical({}, {}).runs, 0u);
  EXPECT_EQ(typical({}, {}).seconds, 0);
}

}  // namespace
}  // namespace hone::calibrate
