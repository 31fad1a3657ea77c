#include "estimate/latency.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace hone::estimate {
namespace {

// Distances are of logarithms: 0.7 is a factor of two along one axis.
constexpr double kReach = 0.7;
// So much weight has the belief that nothing is to be corrected.
constexpr double kPrior = 0.5;
constexpr double kMostCorrection = 1;

double distance(const std::array<double, kPosition>& a, const std::array<double, kPosition>& b) {
  double sum = 0;
  for (size_t i = 0; i < kPosition; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

}  // namespace

double fitted_seconds(const FamilyFit& fit, const Features& features) {
  double seconds = 0;
  for (size_t i = 0; i < kFeatures; ++i) seconds += fit.coefficients[i] * features[i];
  return seconds;
}

double correction(const std::vector<Residual>& residuals,
                  const std::array<double, kPosition>& position, size_t left_out) {
  double sum = 0, weights = kPrior;
  for (size_t i = 0; i < residuals.size(); ++i) {
    if (i == left_out) continue;
    const double w = std::exp(-distance(residuals[i].position, position) / kReach);
    sum += w * residuals[i].log_ratio;
    weights += w;
  }
  return std::clamp(sum / weights, -kMostCorrection, kMostCorrection);
}

double nearest(const std::vector<Residual>& residuals,
               const std::array<double, kPosition>& position) {
  double least = 1e9;
  for (const Residual& r : residuals) least = std::min(least, distance(r.position, position));
  return least;
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
    const double factor = std::exp(correction(fit->residuals, d.position));
    e.seconds *= factor;
    for (double& part : e.parts) part *= factor;
  }
  e.distance = nearest(fit->residuals, d.position);
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
    const StepEstimate& e = estimate.steps.back();
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
  estimate.seconds = calibration.scale * (kernels + calibration.run_seconds +
                                          calibration.step_seconds * double(workload.steps.size()));
  return estimate;
}

}  // namespace hone::estimate
