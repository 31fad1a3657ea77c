// Correctors of made-up residuals.
#include "calibrate/corrector.h"

#include <gtest/gtest.h>

#include <cmath>

#include "calibrate/draw.h"
#include "estimate/latency.h"

namespace hone::calibrate {
namespace {

using estimate::FamilyFit;
using estimate::Residual;

std::vector<Residual> wave(size_t count, double noise, uint64_t seed) {
  Draw draw(seed);
  std::vector<Residual> residuals;
  for (size_t i = 0; i < count; ++i) {
    const double x = 10 * draw.unit();
    residuals.push_back({{x}, 0.3 * std::sin(x) + noise * (draw.unit() - 0.5), 1e-5, 0});
  }
  return residuals;
}

double mean_error(const std::vector<Residual>& measured, const std::vector<Residual>& others) {
  FamilyFit fit;
  fit.residuals = measured;
  const auto reach = best_reach(measured, std::nullopt);
  EXPECT_TRUE(reach.ok());
  fit.reach = reach->distance;
  EXPECT_TRUE(set_weights(fit.residuals, *reach).ok());
  double sum = 0;
  for (const Residual& r : others)
    sum += std::abs(r.log_ratio - estimate::correction(fit, r.position));
  return sum / double(others.size());
}

TEST(Corrector, FollowsWhatVariesSmoothly) {
  EXPECT_LT(mean_error(wave(60, 0, 1), wave(100, 0, 2)), 0.03);
  EXPECT_LT(mean_error(wave(60, 0.1, 1), wave(100, 0, 2)), 0.06);
}

TEST(Corrector, NoiseAloneIsNotFollowed) {
  Draw draw(5);
  std::vector<Residual> noise;
  for (int i = 0; i < 80; ++i)
    noise.push_back({{10 * draw.unit(), 10 * draw.unit()}, 0.4 * (draw.unit() - 0.5), 1e-5, 0});
  EXPECT_LT(mean_error(noise, {{{5, 5}, 0, 1, 0}, {{2, 7}, 0, 1, 0}, {{8, 1}, 0, 1, 0}}), 0.12);
}

TEST(Corrector, TheSamePlaceIsOneResidual) {
  const std::vector<Residual> all = merged(
      std::vector<Residual>{{{1, 2}, 0.1, 2e-5, 0}, {{3}, 0.5, 1e-5, 0}, {{1, 2}, 0.3, 4e-5, 0}});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_NEAR(all[0].log_ratio, 0.2, 1e-12);
  EXPECT_NEAR(all[0].seconds, 3e-5, 1e-12);
  EXPECT_EQ(all[1].log_ratio, 0.5);
}

TEST(Corrector, NothingIsNothing) {
  std::vector<Residual> none;
  EXPECT_TRUE(best_reach(none, std::nullopt).ok());
  EXPECT_TRUE(set_weights(none, {}).ok());
}

}  // namespace
}  // namespace hone::calibrate
