#include "calibrate/fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/hash.h"
#include "calibrate/conformal.h"
#include "calibrate/nnls.h"
#include "estimate/latency.h"

namespace hone::calibrate {
namespace {

using estimate::FamilyFit;
using estimate::Features;
using estimate::kFeatures;
using estimate::Residual;

constexpr size_t kFolds = 5;
constexpr double kHuber = 0.15;  // relative error from which on outliers pull less

using Group = std::vector<const Sample*>;

double quantile(std::vector<double> v, double q) {
  if (v.empty()) return 0;
  std::ranges::sort(v);
  return v[size_t(std::lround(q * double(v.size() - 1)))];
}

// So many samples weigh what was found on another machine, for each feature.
constexpr double kPriorSamples = 3;

// How much slower than the prior's machine this one is, for a family.
double pace(const Group& samples, const FamilyFit& prior) {
  std::vector<double> ratios;
  for (const Sample* s : samples) {
    const double fitted = estimate::fitted_seconds(prior, s->step.features);
    if (fitted > 0) ratios.push_back(std::log(s->seconds / fitted));
  }
  return std::exp(quantile(std::move(ratios), 0.5));
}

// Reading and writing is not slower than this many times what streams reach: what few samples touch
// would take all that the others leave over.
Features slowest(const estimate::Rates& rates) {
  Features upper;
  upper.fill(std::numeric_limits<double>::infinity());
  const auto seconds = [](double times, double rate) {
    return rate > 0 ? times / rate : std::numeric_limits<double>::infinity();
  };
  double* traffic = upper.data() + estimate::kMostCounts;
  traffic[0] = seconds(8, rates.l2_bytes_per_s);
  traffic[1] =
      seconds(10, rates.l3_bytes_per_s > 0 ? rates.l3_bytes_per_s : rates.dram_bytes_per_s);
  traffic[2] = seconds(6, rates.dram_bytes_per_s);
  traffic[3] = seconds(16, rates.l2_bytes_per_s);
  traffic[4] = seconds(10, rates.dram_bytes_per_s);
  return upper;
}

// What a fit starts from.
struct Known {
  const FamilyFit* prior = nullptr;
  Features slowest{};
};

Result<Features> coefficients_of(const Group& samples, const Known& known) {
  const FamilyFit* prior = known.prior;
  const size_t extra = prior ? kFeatures : 0;
  Matrix a(samples.size() + extra, kFeatures);
  std::vector<double> b, weights;
  // Largest values; the mean of what a feature adds to a relative time, of the samples that have
  // it.
  Features largest{}, share{};
  std::array<size_t, kFeatures> having{};
  for (const Sample* s : samples)
    for (size_t c = 0; c < kFeatures; ++c) largest[c] = std::max(largest[c], s->step.features[c]);
  for (size_t r = 0; r < samples.size(); ++r) {
    const double t = samples[r]->seconds * 1e6;
    for (size_t c = 0; c < kFeatures; ++c) {
      a(r, c) = largest[c] > 0 ? samples[r]->step.features[c] / largest[c] : 0;
      share[c] += a(r, c) / t;
      if (a(r, c) > 0) ++having[c];
    }
    b.push_back(t);
    weights.push_back(1 / (t * t));
  }
  const double slower = prior ? pace(samples, *prior) : 1;
  for (size_t c = 0; c < extra; ++c) {
    if (having[c] > 0) share[c] /= double(having[c]);
    a(samples.size() + c, c) = 1;
    b.push_back(prior->coefficients[c] * slower * largest[c] * 1e6);
    weights.push_back(kPriorSamples * share[c] * share[c]);
  }
  BoundedLeastSquares bounds;
  bounds.huber = kHuber;
  bounds.lower.assign(kFeatures, 0);
  for (size_t c = 0; c < kFeatures; ++c)
    bounds.upper.push_back(largest[c] > 0 ? known.slowest[c] * largest[c] * 1e6
                                          : std::numeric_limits<double>::infinity());
  const auto x = TRY(solve(a, b, weights, bounds));
  Features f{};
  for (size_t c = 0; c < kFeatures; ++c)
    f[c] = largest[c] > 0 ? x[c] / largest[c] * 1e-6 : prior ? prior->coefficients[c] * slower : 0;
  return f;
}

Residual residual_of(const FamilyFit& fit, const Sample& s) {
  const double fitted = std::max(estimate::fitted_seconds(fit, s.step.features), 1e-9);
  return {s.step.position, std::log(s.seconds / fitted), s.seconds};
}

// ln(measured / estimated) of shapes that the fit has not seen; plain, and corrected.
struct LeftOut {
  std::vector<double> plain, corrected;
};

Result<LeftOut> leave_out(const Group& samples, const Known& known) {
  LeftOut out;
  for (size_t fold = 0; fold < kFolds; ++fold) {
    Group seen, unseen;
    for (size_t i = 0; i < samples.size(); ++i)
      (mix64(i) % kFolds == fold ? unseen : seen).push_back(samples[i]);
    if (seen.empty() || unseen.empty()) continue;
    FamilyFit fit;
    fit.coefficients = TRY(coefficients_of(seen, known));
    for (const Sample* s : seen) fit.residuals.push_back(residual_of(fit, *s));
    for (const Sample* s : unseen) {
      const Residual r = residual_of(fit, *s);
      out.plain.push_back(r.log_ratio);
      out.corrected.push_back(r.log_ratio - estimate::correction(fit.residuals, r.position));
    }
  }
  return out;
}

double mean_square(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += std::min(x * x, 1.0);
  return v.empty() ? 0 : sum / double(v.size());
}

Result<FamilyFit> fit_family(const std::string& name, const Group& samples, const Known& known) {
  FamilyFit fit;
  fit.family = name;
  fit.coefficients = TRY(coefficients_of(samples, known));
  for (const Sample* s : samples) fit.residuals.push_back(residual_of(fit, *s));
  const LeftOut left = TRY(leave_out(samples, known));
  fit.corrects = mean_square(left.corrected) < mean_square(left.plain);
  const std::vector<double>& used = fit.corrects ? left.corrected : left.plain;
  std::vector<double> errors;
  for (const double r : used) errors.push_back(std::abs(std::expm1(-r)));
  fit.median_error = quantile(errors, 0.5);
  fit.p90_error = quantile(errors, 0.9);
  const ConformalBound bound = conformal_bound(used);
  fit.half_width = bound.certified ? bound.half_width : 0;
  return fit;
}

// Not more of one family than the fit and the corrector have use for: spread over their times.
Group thinned(Group group) {
  constexpr size_t kMost = 120;
  if (group.size() <= kMost) return group;
  std::ranges::stable_sort(group, {}, &Sample::seconds);
  Group kept;
  for (size_t i = 0; i < kMost; ++i) kept.push_back(group[i * (group.size() - 1) / (kMost - 1)]);
  return kept;
}

}  // namespace

Result<std::vector<FamilyFit>> fit_families(std::span<const Sample> samples,
                                            const estimate::Rates& rates,
                                            const estimate::Calibration* prior) {
  std::map<std::string, Group> groups;
  for (const Sample& s : samples)
    if (s.seconds > 0) groups[std::string(s.step.family->name)].push_back(&s);
  std::vector<FamilyFit> fits;
  const Features upper = slowest(rates);
  for (const auto& [name, group] : groups)
    fits.push_back(
        TRY(fit_family(name, thinned(group), {prior ? prior->fit(name) : nullptr, upper})));
  if (!prior) return fits;
  // What was not measured here is as on the other machine, at the pace of what was.
  std::vector<double> paces;
  for (const auto& [name, group] : groups)
    if (const FamilyFit* known = prior->fit(name)) paces.push_back(pace(group, *known));
  const double slower = paces.empty() ? 1 : quantile(paces, 0.5);
  for (const FamilyFit& known : prior->families) {
    if (groups.contains(known.family)) continue;
    FamilyFit fit = known;
    for (double& c : fit.coefficients) c *= slower;
    fit.residuals.clear();
    fit.corrects = false;
    fit.half_width *= 2;
    fits.push_back(std::move(fit));
  }
  return fits;
}

void fit_networks(const std::vector<NetworkTime>& networks, estimate::Calibration& calibration) {
  std::vector<double> ratios, difficulties;
  for (const NetworkTime& n : networks) {
    if (!(n.estimated > 0 && n.measured > 0)) continue;
    ratios.push_back(std::log(n.measured / n.estimated));
    difficulties.push_back(n.difficulty);
  }
  if (ratios.empty()) return;
  calibration.scale = std::exp(quantile(ratios, 0.5));
  // Each network by the scale of the others: none has to do with its own bound.
  calibration.network_residuals.clear();
  for (size_t i = 0; i < ratios.size(); ++i) {
    std::vector<double> others = ratios;
    others.erase(others.begin() + std::ptrdiff_t(i));
    calibration.network_residuals.push_back((ratios[i] - quantile(others, 0.5)) / difficulties[i]);
  }
  const ConformalBound bound = conformal_bound(calibration.network_residuals);
  calibration.half_width = bound.certified ? bound.half_width : 0;
}

Status fit_runs(const Samples& samples, estimate::Calibration& calibration) {
  if (samples.runs.empty()) return ok();
  Matrix a(samples.runs.size(), 2);
  std::vector<double> b, weights;
  for (size_t i = 0; i < samples.runs.size(); ++i) {
    a(i, 0) = double(samples.runs[i].steps);
    a(i, 1) = 1;
    b.push_back(std::max(0.0, samples.runs[i].seconds - samples.runs[i].step_seconds) * 1e6);
    weights.push_back(1 / (1 + b.back() * b.back()));
  }
  const auto x = TRY(solve(a, b, weights, {}));
  calibration.step_seconds = x[0] * 1e-6;
  calibration.run_seconds = x[1] * 1e-6;
  return ok();
}

}  // namespace hone::calibrate
