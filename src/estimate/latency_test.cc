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

TEST(Latency, CorrectionIsDrawnToNone) {
  const std::vector<Residual> one{{{1, 2, 3, 4}, 0.6, 1}};
  EXPECT_EQ(correction({}, {}), 0);
  EXPECT_NEAR(correction(one, {1, 2, 3, 4}), 0.4, 1e-12);  // half a sample says that it is 0
  EXPECT_EQ(correction(one, {1, 2, 3, 4}, 0), 0);          // left out
  const double w = std::exp(-1);                           // 0.7 away
  EXPECT_NEAR(correction(one, {1.7, 2, 3, 4}), 0.6 * w / (0.5 + w), 1e-12);
  EXPECT_NEAR(correction(one, {1e3, 2, 3, 4}), 0, 1e-12);
}

TEST(Latency, CorrectionIsBounded) {
  const std::vector<Residual> slow(100, {{0, 0, 0, 0}, 5, 1}), fast(100, {{0, 0, 0, 0}, -5, 1});
  EXPECT_EQ(correction(slow, {}), 1);
  EXPECT_EQ(correction(fast, {}), -1);
}

TEST(Latency, NearestIsADistance) {
  const std::vector<Residual> some{{{0, 0, 0, 0}, 0, 1}, {{3, 4, 0, 0}, 0, 1}};
  EXPECT_EQ(nearest(some, {3, 4, 0, 0}), 0);
  EXPECT_EQ(nearest(some, {6, 8, 0, 0}), 5);
  EXPECT_GT(nearest({}, {0, 0, 0, 0}), 1e6);
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
  EXPECT_NEAR(e.steps[0].parts[kFeatures - 1], 1e-6, 1e-12);
}

TEST_F(OfANetwork, CorrectsOnlyWhereThatWins) {
  const Model& model = work_.program->model();
  const Described d = describe(work_.steps[1], model, c_.machine);
  c_.families[1].residuals = {{d.position, 0.6, 1e-6}};
  EXPECT_NEAR(estimate_step(work_.steps[1], model, c_).seconds, 1e-6, 1e-12);
  c_.families[1].corrects = true;
  const StepEstimate e = estimate_step(work_.steps[1], model, c_);
  EXPECT_NEAR(e.seconds, 1e-6 * std::exp(0.4), 1e-12);
  EXPECT_NEAR(e.parts[kFeatures - 1], e.seconds, 1e-12);
  EXPECT_EQ(e.distance, 0);
}

TEST_F(OfANetwork, AFamilyThatWasNotMeasuredTakesNoTime) {
  c_.families.pop_back();
  const StepEstimate e = estimate_step(work_.steps[1], work_.program->model(), c_);
  ASSERT_TRUE(e.family);
  EXPECT_EQ(e.seconds, 0);
}

}  // namespace
}  // namespace hone::estimate
