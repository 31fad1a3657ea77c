#include "estimate/latency.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace hone::estimate {
namespace {

constexpr double kMostCorrection = 1;

}  // namespace

double similarity(const std::array<double, kPosition>& a, const std::array<double, kPosition>& b,
                  double reach) {
  double sum = 0;
  for (size_t i = 0; i < kPosition; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  const double d = std::sqrt(3 * sum) / reach;
  return (1 + d) * std::exp(-d);
}

double fitted_seconds(const FamilyFit& fit, const Features& features) {
  double seconds = 0;
  for (size_t i = 0; i < kFeatures; ++i) seconds += fit.coefficients[i] * features[i];
  return seconds;
}

double correction(const FamilyFit& fit, const std::array<double, kPosition>& position) {
  double sum = 0;
  for (const Residual& r : fit.residuals)
    sum += r.weight * similarity(r.position, position, fit.reach);
  return std::clamp(sum, -kMostCorrection, kMostCorrection);
}

StepEstimate estimate_step(const Step& step, const Model& model, const Calibration& calibration) {
  StepEstimate e;
  const Described d = describe(step, model, calibration.machine);
  e.family = d.family;
  if (!d.family) return e;
  const FamilyFit* fit = calibration.fit(d.family->name);
  if (!fit) return e;
  for (size_t i = 0; i < kFeatures; ++i) e.parts[i] = fit->coefficients[i] * d.features[i];
  e.seconds = fitted_seconds(*fit, d.features);
  if (fit->corrects) {
    const double factor = std::exp(correction(*fit, d.position));
    e.seconds *= factor;
    for (double& part : e.parts) part *= factor;
  }
  e.half_width = fit->half_width;
  return e;
}

LatencyEstimate estimate_latency(const Workload& workload, const Calibration& calibration) {
  LatencyEstimate estimate;
  const Model& model = workload.program->model();
  double kernels = 0;
  std::map<const Family*, double> by_family;
  for (const Step& step : workload.steps) {
    estimate.steps.push_back(estimate_step(step, model, calibration));
    StepEstimate& e = estimate.steps.back();
    e.seconds *= calibration.scale;
    for (double& part : e.parts) part *= calibration.scale;
    kernels += e.seconds;
    by_family[e.family] += e.seconds;
  }
  constexpr double kLeastError = 0.03;  // nothing is known better than it can be measured
  double squares = 0;
  for (const auto& [family, seconds] : by_family) {
    const FamilyFit* fit = family ? calibration.fit(family->name) : nullptr;
    if (!fit || kernels <= 0) continue;
    const double error = std::max(kLeastError, fit->median_error) * seconds / kernels;
    squares += error * error;
  }
  estimate.difficulty = std::max(kLeastError, std::sqrt(squares));
  estimate.seconds =
      kernels + calibration.scale * (calibration.run_seconds +
                                     calibration.step_seconds * double(workload.steps.size()));
  return estimate;
}

}  // namespace hone::estimate
