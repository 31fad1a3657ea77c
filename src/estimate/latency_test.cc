// Times from made-up calibrations.
#include "estimate/latency.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/programs.h"

namespace hone::estimate {
namespace {

using testing::inputs_of;
using testing::types_of;

TEST(Latency, FittedSecondsAreASum) {
  FamilyFit fit;
  fit.coefficients[0] = 2;
  fit.coefficients[3] = 0.25;
  fit.coefficients[kFeatures - 1] = 0.5;
  Features features{};
  EXPECT_EQ(fitted_seconds(fit, features), 0);
  features[0] = 3;
  features[3] = 4;
  features[kFeatures - 1] = 1;
  EXPECT_EQ(fitted_seconds(fit, features), 6 + 1 + 0.5);
}

TEST(Latency, SimilarityFallsWithDistance) {
  EXPECT_EQ(similarity({1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}, 2), 1);
  const double d = std::sqrt(3.0) * 5 / 2;  // 3, 4: five apart
  EXPECT_NEAR(similarity({0, 0, 0, 0, 0}, {3, 4, 0, 0, 0}, 2), (1 + d) * std::exp(-d), 1e-12);
  EXPECT_LT(similarity({0, 0, 0, 0, 0}, {0, 0, 0, 0, 3}, 1),
            similarity({0, 0, 0, 0, 0}, {0, 0, 0, 0, 3}, 2));
}

TEST(Latency, CorrectionIsASumOverWhatWasMeasured) {
  FamilyFit fit;
  EXPECT_EQ(correction(fit, {}), 0);
  fit.reach = 2;
  fit.residuals = {{{1, 0, 0, 0, 0}, 0.5, 1, 0.25}, {{0, 0, 0, 0, 2}, 0.1, 1, -0.5}};
  const std::array<double, kPosition> at{};
  EXPECT_NEAR(correction(fit, at),
              0.25 * similarity(at, {1, 0, 0, 0, 0}, 2) - 0.5 * similarity(at, {0, 0, 0, 0, 2}, 2),
              1e-12);
  EXPECT_NEAR(correction(fit, {1e3, 0, 0, 0, 0}), 0, 1e-12);
}

TEST(Latency, CorrectionIsBounded) {
  FamilyFit fit;
  fit.residuals = {{{}, 5, 1, 5}};
  EXPECT_EQ(correction(fit, {}), 1);
  fit.residuals = {{{}, -5, 1, -5}};
  EXPECT_EQ(correction(fit, {}), -1);
}

class OfANetwork : public ::testing::Test {
 protected:
  OfANetwork() {
    const auto program = testing::program_of(R"(
        graph main(x: f32[8,16]) -> (y) {
          a = neg(x)
          y = softmax(a) <axis=-1>
        })");
    work_ = workload_of(program, types_of(inputs_of(*program)), {}).take();
    for (const char* name : {"elementwise", "softmax"}) {
      FamilyFit fit;
      fit.family = name;
      fit.coefficients[kFeatures - 1] = 1e-6;  // a call
      c_.families.push_back(fit);
    }
  }
  Workload work_;
  Calibration c_;
};

TEST_F(OfANetwork, IsTheScaledSumOfSteps) {
  EXPECT_NEAR(estimate_latency(work_, c_).seconds, 2e-6, 1e-12);
  c_.step_seconds = 1e-7;
  c_.run_seconds = 3e-6;
  c_.scale = 2;
  const LatencyEstimate e = estimate_latency(work_, c_);
  EXPECT_NEAR(e.seconds, 2 * (2e-6 + 2e-7 + 3e-6), 1e-12);
  ASSERT_EQ(e.steps.size(), 2u);
  EXPECT_EQ(e.steps[0].family->name, "elementwise");
  EXPECT_NEAR(e.steps[0].parts[kFeatures - 1], 2e-6, 1e-12);
  // What steps take, and what a run takes beside them, is all there is.
  EXPECT_NEAR(e.steps[0].seconds + e.steps[1].seconds + 2 * (2e-7 + 3e-6), e.seconds, 1e-12);
}

TEST_F(OfANetwork, CorrectsOnlyWhereThatWins) {
  const Model& model = work_.program->model();
  const Described d = describe(work_.steps[1], model, c_.machine);
  c_.families[1].residuals = {{d.position, 0.6, 1e-6, 0.4}};
  EXPECT_NEAR(estimate_step(work_.steps[1], model, c_).seconds, 1e-6, 1e-12);
  c_.families[1].corrects = true;
  const StepEstimate e = estimate_step(work_.steps[1], model, c_);
  EXPECT_NEAR(e.seconds, 1e-6 * std::exp(0.4), 1e-12);
  EXPECT_NEAR(e.parts[kFeatures - 1], e.seconds, 1e-12);
}

TEST_F(OfANetwork, AFamilyThatWasNotMeasuredTakesNoTime) {
  c_.families.pop_back();
  const StepEstimate e = estimate_step(work_.steps[1], work_.program->model(), c_);
  ASSERT_TRUE(e.family);
  EXPECT_EQ(e.seconds, 0);
}

}  // namespace
}  // namespace hone::estimate
