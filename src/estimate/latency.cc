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

namespace {

// A step that runs graphs copies what they give, to its place and before where it is joined.
StepEstimate handed_on(const Step& step, const Calibration& calibration) {
  StepEstimate e;
  e.known = !step.uncovered;
  const double rate = calibration.rates.l3_bytes_per_s;
  double bytes = 0;
  for (const Touch& t : step.touches) bytes += t.bytes;
  if (rate > 0) e.seconds = 2 * bytes / rate;
  e.parts[kMostCounts + 1] = e.seconds;
  return e;
}

}  // namespace

StepEstimate estimate_step(const Step& step, const Model& model, const Calibration& calibration) {
  StepEstimate e;
  if (step.control) return handed_on(step, calibration);
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
  e.known = true;
  return e;
}

LatencyEstimate estimate_latency(const Workload& workload, const Calibration& calibration) {
  LatencyEstimate estimate;
  const Model& model = workload.program->model();
  double kernels = 0;
  std::map<const Family*, double> by_family;
  workload.each_step([&](const Step& step, double trips, size_t, const NestedRun*) {
    estimate.steps.push_back(estimate_step(step, model, calibration));
    StepEstimate& e = estimate.steps.back();
    e.seconds *= calibration.scale;
    for (double& part : e.parts) part *= calibration.scale;
    kernels += trips * e.seconds;
    by_family[e.family] += trips * e.seconds;
    estimate.overhead_seconds += trips * calibration.step_seconds;
  });
  // An executor begins a nested graph as a session begins a run.
  double runs = 1;
  for (const NestedRun& n : workload.nested) runs += n.trips;
  estimate.overhead_seconds =
      calibration.scale * (estimate.overhead_seconds + runs * calibration.run_seconds);
  constexpr double kLeastError = 0.03;  // nothing is known better than it can be measured
  double squares = 0;
  for (const auto& [family, seconds] : by_family) {
    const FamilyFit* fit = family ? calibration.fit(family->name) : nullptr;
    if (!fit || kernels <= 0) continue;
    const double error = std::max(kLeastError, fit->median_error) * seconds / kernels;
    squares += error * error;
  }
  estimate.difficulty = std::max(kLeastError, std::sqrt(squares));
  estimate.seconds = kernels + estimate.overhead_seconds;
  return estimate;
}

}  // namespace hone::estimate
