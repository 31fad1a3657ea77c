#include "calibrate/fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/hash.h"
#include "calibrate/conformal.h"
#include "calibrate/corrector.h"
#include "calibrate/nnls.h"
#include "calibrate/statistics.h"
#include "estimate/latency.h"

namespace hone::calibrate {
namespace {

using estimate::FamilyFit;
using estimate::Features;
using estimate::kFeatures;
using estimate::Residual;

constexpr size_t kFolds = 5;
constexpr double kUnknownError = 0.25;  // of families with few samples
constexpr double kHuber = 0.15;         // relative error from which on outliers pull less

using Group = std::vector<const Sample*>;

// So many samples weigh what was found on another machine, for each feature.
constexpr double kPriorSamples = 3;

// How much slower than the prior's machine this one is, for a family.
double pace(const Group& samples, const FamilyFit& prior) {
  std::vector<double> ratios;
  for (const Sample* s : samples) {
    const double fitted = estimate::fitted_seconds(prior, s->step.features);
    if (fitted > 0) ratios.push_back(std::log(s->seconds / fitted));
  }
  return std::exp(median(ratios));
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

// No part of a step takes longer than the step: what few samples have would else take all that the
// others leave over.
double most_of(const Group& samples, size_t c, double largest) {
  constexpr double kLow = 0.05, kSlack = 1.5;
  std::vector<double> whole;
  for (const Sample* s : samples)
    if (s->step.features[c] > 0) whole.push_back(s->seconds * 1e6 * largest / s->step.features[c]);
  return kSlack * quantile(whole, kLow);
}

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
    bounds.upper.push_back(largest[c] > 0 ? std::min(known.slowest[c] * largest[c] * 1e6,
                                                     most_of(samples, c, largest[c]))
                                          : std::numeric_limits<double>::infinity());
  const auto x = TRY(solve(a, b, weights, bounds));
  Features f{};
  for (size_t c = 0; c < kFeatures; ++c)
    f[c] = largest[c] > 0 ? x[c] / largest[c] * 1e-6 : prior ? prior->coefficients[c] * slower : 0;
  return f;
}

// Not more than the corrector has use for: spread over their times.
std::vector<Residual> spread(std::vector<Residual> residuals) {
  constexpr size_t kMost = 200;
  if (residuals.size() <= kMost) return residuals;
  std::ranges::stable_sort(residuals, {}, &Residual::seconds);
  std::vector<Residual> kept;
  for (size_t i = 0; i < kMost; ++i)
    kept.push_back(residuals[i * (residuals.size() - 1) / (kMost - 1)]);
  return kept;
}

// Of what the fit says with the residuals that it has so far.
Residual residual_of(const FamilyFit& fit, const Sample& s) {
  const double fitted = std::max(estimate::fitted_seconds(fit, s.step.features), 1e-9);
  return {s.step.position,
          std::log(s.seconds / fitted) - estimate::correction(fit, s.step.position), s.seconds};
}

// Equal shapes are in one fold, wherever they stand.
size_t fold_of(const Sample& s) { return sip_hash(s.op + " " + s.dims, 0, 0) % kFolds; }

std::vector<Residual> residuals_of(const FamilyFit& fit, const Group& samples) {
  std::vector<Residual> all;
  for (const Sample* s : samples) all.push_back(residual_of(fit, *s));
  return spread(merged(all));
}

// Two ways to a fit: coefficients of this machine's samples, or those of the prior and its
// corrector, as much slower as this machine is. Both have a corrector of their own samples.
enum class Way : uint8_t { own, adopted };

Result<FamilyFit> start(Way way, const Group& samples, const Known& known) {
  FamilyFit fit;
  if (way == Way::own) {
    fit.coefficients = TRY(coefficients_of(samples, known));
    return fit;
  }
  fit = *known.prior;
  if (!fit.corrects) fit.residuals.clear();
  fit.own = 0;
  // By the longer half: what takes little time is the noisier, and matters less.
  std::vector<double> ratios, times;
  for (const Sample* s : samples) times.push_back(s->seconds);
  const double middle = median(times);
  for (const Sample* s : samples)
    if (s->seconds >= middle) ratios.push_back(residual_of(fit, *s).log_ratio);
  const double slower = std::exp(median(ratios));
  for (double& c : fit.coefficients) c *= slower;
  return fit;
}

// Where the prior has a corrector, both reach as far.
std::optional<double> given_distance(Way way, const Known& known) {
  if (way == Way::own || !known.prior->corrects) return std::nullopt;
  return known.prior->reach;
}

Status add_corrector(FamilyFit& fit, const Group& samples, const Reach& reach) {
  std::vector<Residual> own = residuals_of(fit, samples);
  fit.reach = reach.distance;
  fit.noise = reach.noise;
  TRY(set_weights(own, reach));
  fit.own = own.size();
  fit.residuals.insert(fit.residuals.end(), own.begin(), own.end());
  return ok();
}

// ln(measured / estimated) of shapes that the fit has not seen; plain, and corrected.
struct LeftOut {
  std::vector<double> plain, corrected;
};

// `corrector`: null, where only plain fits are asked for.
Result<LeftOut> leave_out(Way way, const Group& samples, const Known& known,
                          const Reach* corrector) {
  LeftOut out;
  for (size_t fold = 0; fold < kFolds; ++fold) {
    Group seen, unseen;
    for (const Sample* s : samples) (fold_of(*s) == fold ? unseen : seen).push_back(s);
    if (seen.empty() || unseen.empty()) continue;
    const FamilyFit plain = TRY(start(way, seen, known));
    FamilyFit corrected = plain;
    if (corrector) TRY(add_corrector(corrected, seen, *corrector));
    for (const Sample* s : unseen) {
      out.plain.push_back(residual_of(plain, *s).log_ratio);
      if (corrector) out.corrected.push_back(residual_of(corrected, *s).log_ratio);
    }
  }
  return out;
}

double mean_square(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += std::min(x * x, 1.0);
  return v.empty() ? 0 : sum / double(v.size());
}

void set_errors(FamilyFit& fit, const std::vector<double>& left_out, const Known& known) {
  std::vector<double> errors;
  for (const double r : left_out) errors.push_back(std::abs(std::expm1(-r)));
  const ConformalBound bound = conformal_bound(left_out);
  fit.half_width = bound.certified ? bound.half_width : 0;
  fit.median_error = median(errors);
  fit.p90_error = quantile(errors, 0.9);
  if (bound.certified) return;
  // Too few to tell by themselves.
  fit.median_error =
      std::max({fit.median_error, kUnknownError, known.prior ? known.prior->median_error : 0});
  fit.p90_error =
      std::max({fit.p90_error, 3 * kUnknownError, known.prior ? known.prior->p90_error : 0});
}

struct Candidate {
  FamilyFit fit;
  std::vector<double> left_out;
};

Result<Candidate> candidate(Way way, const Group& samples, const Known& known) {
  Candidate c{TRY(start(way, samples, known)), {}};
  const Reach reach = TRY(best_reach(residuals_of(c.fit, samples), given_distance(way, known)));
  LeftOut left = TRY(leave_out(way, samples, known, &reach));
  const bool corrects = mean_square(left.corrected) < mean_square(left.plain);
  const bool inherits = !c.fit.residuals.empty();
  if (corrects || !inherits) TRY(add_corrector(c.fit, samples, reach));
  c.fit.corrects = corrects || inherits;
  c.left_out = std::move(corrects ? left.corrected : left.plain);
  return c;
}

Result<FamilyFit> fit_family(const std::string& name, const Group& samples, const Known& known) {
  Candidate best = TRY(candidate(Way::own, samples, known));
  best.fit.adopted = false;
  if (known.prior) {
    Candidate other = TRY(candidate(Way::adopted, samples, known));
    // The prior rests on many more samples: where both are about as good, it knows more of what
    // was not drawn here.
    constexpr double kClearly = 0.8;
    if (kClearly * mean_square(other.left_out) < mean_square(best.left_out)) {
      best = std::move(other);
      best.fit.adopted = true;
    }
  }
  best.fit.family = name;
  set_errors(best.fit, best.left_out, known);
  return std::move(best.fit);
}

// The same of other samples, as the whole was fitted.
Result<FamilyFit> fit_as(const FamilyFit& whole, const Group& samples, const Known& known) {
  const Way way = whole.adopted && known.prior ? Way::adopted : Way::own;
  FamilyFit fit = TRY(start(way, samples, known));
  fit.family = whole.family;
  fit.adopted = whole.adopted;
  if (whole.own > 0) TRY(add_corrector(fit, samples, {whole.reach, whole.noise}));
  fit.corrects = whole.corrects;
  fit.median_error = whole.median_error;
  return fit;
}

using Groups = std::map<std::string, Group>;

Groups groups_of(std::span<const Sample> samples) {
  Groups groups;
  for (const Sample& s : samples)
    if (s.seconds > 0) groups[std::string(s.step.family->name)].push_back(&s);
  return groups;
}

// What was not measured here is as on the other machine, at the pace of what was.
void add_from_prior(const Groups& groups, const estimate::Calibration* prior,
                    std::vector<FamilyFit>& fits) {
  if (!prior) return;
  std::vector<double> paces;
  for (const auto& [name, group] : groups)
    if (const FamilyFit* known = prior->fit(name)) paces.push_back(pace(group, *known));
  const double slower = paces.empty() ? 1 : median(paces);
  for (const FamilyFit& known : prior->families) {
    if (groups.contains(known.family)) continue;
    FamilyFit fit = known;
    for (double& c : fit.coefficients) c *= slower;
    fit.residuals.clear();
    fit.own = 0;
    fit.corrects = false;
    fit.half_width *= 2;
    fits.push_back(std::move(fit));
  }
}

}  // namespace

Result<std::vector<FamilyFit>> fit_families(std::span<const Sample> samples,
                                            const estimate::Rates& rates,
                                            const estimate::Calibration* prior) {
  const Groups groups = groups_of(samples);
  std::vector<FamilyFit> fits;
  const Features upper = slowest(rates);
  for (const auto& [name, group] : groups)
    fits.push_back(TRY(fit_family(name, group, {prior ? prior->fit(name) : nullptr, upper})));
  add_from_prior(groups, prior, fits);
  return fits;
}

Result<std::vector<FamilyFit>> fit_part(std::span<const Sample> samples,
                                        const estimate::Rates& rates,
                                        const estimate::Calibration* prior,
                                        const std::vector<FamilyFit>& whole) {
  const Groups groups = groups_of(samples);
  std::vector<FamilyFit> fits;
  const Features upper = slowest(rates);
  for (const auto& [name, group] : groups) {
    const auto of_all = std::ranges::find(whole, name, &FamilyFit::family);
    if (of_all != whole.end())
      fits.push_back(TRY(fit_as(*of_all, group, {prior ? prior->fit(name) : nullptr, upper})));
  }
  add_from_prior(groups, prior, fits);
  return fits;
}

Result<double> left_out_error(std::span<const Sample> samples, const estimate::Rates& rates,
                              const estimate::Calibration* prior) {
  double sum = 0;
  size_t n = 0;
  for (const auto& [name, group] : groups_of(samples)) {
    const Known known{prior ? prior->fit(name) : nullptr, slowest(rates)};
    for (const double r : TRY(leave_out(Way::own, group, known, nullptr)).plain) {
      sum += std::min(std::abs(r), 1.0);
      ++n;
    }
  }
  return n > 0 ? sum / double(n) : 0;
}

void fit_networks(const std::vector<NetworkTime>& networks, estimate::Calibration& calibration) {
  std::vector<double> ratios, difficulties;
  for (const NetworkTime& n : networks) {
    if (!(n.estimated > 0 && n.measured > 0)) continue;
    ratios.push_back(std::log(n.measured / n.estimated));
    difficulties.push_back(n.difficulty);
  }
  if (ratios.empty()) return;
  calibration.scale = std::exp(median(ratios));
  // Each network by the scale of the others: none has to do with its own bound.
  calibration.network_residuals.clear();
  for (size_t i = 0; i < ratios.size(); ++i) {
    std::vector<double> others = ratios;
    others.erase(others.begin() + std::ptrdiff_t(i));
    calibration.network_residuals.push_back((ratios[i] - median(others)) / difficulties[i]);
  }
  const ConformalBound bound = conformal_bound(calibration.network_residuals);
  calibration.half_width = bound.certified ? bound.half_width : 0;
  calibration.network_half_width = calibration.half_width * median(difficulties);
}

Status fit_runs(const Samples& samples, estimate::Calibration& calibration) {
  if (samples.runs.empty()) return ok();
  // The difference of two times is as noisy as they are, and may be below zero.
  constexpr double kNoise = 0.02;
  Matrix a(samples.runs.size(), 2);
  std::vector<double> b, weights;
  for (size_t i = 0; i < samples.runs.size(); ++i) {
    const RunSample& r = samples.runs[i];
    a(i, 0) = double(r.steps);
    a(i, 1) = 1;
    b.push_back((r.seconds - r.step_seconds) * 1e6);
    const double noise = kNoise * r.seconds * 1e6;
    weights.push_back(1 / (0.01 + noise * noise));
  }
  const auto x = TRY(solve(a, b, weights, {}));
  calibration.step_seconds = x[0] * 1e-6;
  calibration.run_seconds = x[1] * 1e-6;
  return ok();
}

}  // namespace hone::calibrate
