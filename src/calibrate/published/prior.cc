#include "calibrate/published/prior.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/check.h"
#include "calibrate/published/interpolation.h"

namespace hone::calibrate {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<std::string_view, kRunKinds> kKindNames{"cpu_1", "cpu_2_to_4", "cpu_5_up",
                                                             "gpu"};

// Chosen by leaving devices out. Halving or doubling any of them moves the median error on CPUs by
// at most 0.2 points, and on GPUs by at most 1.
constexpr double kVariance = 0.05;   // of a network of which nothing is known, beside its run
constexpr double kVarianceRows = 8;  // as strong as so many rows
constexpr double kThreadsRows = 40;  // how strongly a number of threads is like the others
constexpr double kThreadsMeanRows = 10;
constexpr double kGpuSpread = 1.5;  // GPUs differ more than CPUs
constexpr double kGpuRows = 12;
constexpr int kIterations = 10, kRefinements = 6;
// The misfit of the given networks widens the rest, as much as so many numbers weigh against it.
constexpr double kUsualMisfit = 8;
constexpr double kFeatureVariance = 0.05;  // of logarithms, for each unit of Mixture::variance

// Eight networks that leave least open, by annealing over sets on the tables of devices left out;
// among sets that are as good, one with every kind of kernel.
constexpr std::array<std::string_view, 8> kCalibration{
    "alexnet",        "mnasnet",        "regnety_400m",        "resnet50",
    "yolo-fastestv2", "mobilenet_int8", "squeezenet_ssd_int8", "vgg16_int8"};

Matrix logarithms(const Measurements& table, std::span<const size_t> configurations,
                  bool floats_only) {
  Matrix rows(configurations.size(), table.networks.size());
  for (size_t r = 0; r < configurations.size(); ++r) {
    const Configuration& c = table.configurations[configurations[r]];
    for (size_t n = 0; n < table.networks.size(); ++n)
      rows(r, n) = floats_only && is_int8(table.networks[n]) ? kNaN : std::log(c.milliseconds[n]);
  }
  return rows;
}

// Devices with many runs weigh more than those with one, and less than as many devices.
std::vector<double> weights_of(const Measurements& table, std::span<const size_t> configurations) {
  std::map<std::string_view, int> runs;
  for (const size_t c : configurations) ++runs[table.configurations[c].device];
  std::vector<double> weights;
  for (const size_t c : configurations)
    weights.push_back(1 / std::sqrt(double(runs[table.configurations[c].device])));
  return weights;
}

Gaussian fit(const Measurements& table, std::span<const size_t> configurations, const Pull& pull,
             int iterations, bool floats_only = false) {
  return fit_gaussian(logarithms(table, configurations, floats_only),
                      weights_of(table, configurations), pull, iterations);
}

Matrix scaled(Matrix a, double factor) {
  for (size_t r = 0; r < a.rows(); ++r)
    for (double& x : a.row(r)) x *= factor;
  return a;
}

void fit_kinds(Prior& prior, const Measurements& table, std::span<const size_t> used) {
  const size_t n = table.networks.size();
  std::vector<size_t> cpu, gpu;
  for (const size_t c : used) (table.configurations[c].gpu ? gpu : cpu).push_back(c);
  Matrix start(n, n);
  for (size_t i = 0; i < n; ++i) start(i, i) = kVariance;
  const Gaussian loose{column_means(logarithms(table, cpu, false)), start};
  const Gaussian any = fit(table, cpu, {loose, kVarianceRows, 0}, kIterations);
  for (const RunKind kind :
       {RunKind::cpu_one_thread, RunKind::cpu_few_threads, RunKind::cpu_many_threads}) {
    std::vector<size_t> of_kind;
    for (const size_t c : cpu)
      if (run_kind(table.configurations[c].threads, false, false) == kind) of_kind.push_back(c);
    prior.kinds[size_t(kind)] =
        fit(table, of_kind, {any, kThreadsRows, kThreadsMeanRows}, kRefinements);
  }
  Pull towards_cpu{any, kGpuRows, 0};
  towards_cpu.towards.covariance = scaled(any.covariance, kGpuSpread);
  prior.kinds[size_t(RunKind::gpu)] = fit(table, gpu, towards_cpu, kIterations, true);
}

const NetworkFeatures* find_features(std::span<const NetworkFeatures> features,
                                     std::string_view network) {
  for (const NetworkFeatures& f : features)
    if (same_network(f.network, network)) return &f;
  return nullptr;
}

// What the measured networks of one kind of run say about all networks.
class Conditioned {
 public:
  Conditioned(const Prior& prior, int threads, bool gpu, std::span<const Measured> measured)
      : prior_(prior) {
    for (const bool int8 : {false, true}) {
      std::vector<double> row(prior.networks.size(), kNaN);
      std::vector<size_t> given;
      for (const Measured& m : measured) {
        const auto known = find_network(prior.networks, m.network);
        if (!known || !(m.milliseconds > 0) || (gpu && is_int8(m.network) != int8)) continue;
        row[*known] = std::log(m.milliseconds);
        given.push_back(*known);
      }
      if (given.empty()) continue;
      const Gaussian& g = prior.kinds[size_t(run_kind(threads, gpu, int8))];
      of_[int8] = condition(g, row, given);
      if (!gpu) {
        of_[true] = of_[false];
        break;
      }
    }
    split_ = gpu;
  }

  Prediction of(const Target& target) const {
    const bool int8 = is_int8(target.network);
    if (!of_[int8]) return {};
    if (const auto known = find_network(prior_.networks, target.network)) return of_known(*known);
    return target.features == nullptr ? Prediction() : by_features(*target.features, int8);
  }

 private:
  // A run that the measured networks fit badly is unlike the others in the rest, too.
  double widening(const Conditional& c) const {
    return (kUsualMisfit + c.misfit) / (kUsualMisfit + double(c.used.size()));
  }

  Prediction of_known(size_t network) const {
    const Conditional& c = *of_[is_int8(prior_.networks[network])];
    const double variance = std::max(c.covariance(network, network), 1e-6) * widening(c);
    return {c.mean[network], std::sqrt(variance), true};
  }

  Prediction by_features(const NetworkFeatures& features, bool int8) const {
    std::vector<size_t> places;
    std::vector<const NetworkFeatures*> known;
    for (size_t n = 0; n < prior_.networks.size(); ++n) {
      if (!prior_.features[n] || (split_ && is_int8(prior_.networks[n]) != int8)) continue;
      places.push_back(n);
      known.push_back(&*prior_.features[n]);
    }
    if (known.empty()) return {};
    const Conditional& c = *of_[int8];
    const Mixture mixture = interpolate(known, features);
    double value = 0, variance = kFeatureVariance * mixture.variance;
    const std::vector<double> across =
        multiply(part(c.covariance, places, places), mixture.weights);
    for (size_t i = 0; i < places.size(); ++i) value += mixture.weights[i] * c.mean[places[i]];
    variance += std::max(dot(across, mixture.weights), 0.0);
    return {value, std::sqrt(variance * widening(c)), false};
  }

  const Prior& prior_;
  std::array<std::optional<Conditional>, 2> of_;  // floats, bytes
  bool split_ = false;
};

std::vector<Measured> given_of(const Prior& prior, const Measurements& table,
                               const Configuration& run) {
  std::vector<Measured> given;
  for (const std::string& network : prior.calibration) {
    const auto at = find_network(table.networks, network);
    if (at && !std::isnan(run.milliseconds[*at])) given.push_back({network, run.milliseconds[*at]});
  }
  return given;
}

RunKind kind_of(const Configuration& run) { return run_kind(run.threads, run.gpu, false); }

Prior without_network(const Prior& prior, size_t network) {
  std::vector<size_t> rest;
  for (size_t n = 0; n < prior.networks.size(); ++n)
    if (n != network) rest.push_back(n);
  Prior less;
  less.calibration = prior.calibration;
  for (const size_t n : rest) {
    less.networks.push_back(prior.networks[n]);
    less.features.push_back(prior.features[n]);
  }
  for (size_t k = 0; k < kRunKinds; ++k) {
    for (const size_t n : rest) less.kinds[k].mean.push_back(prior.kinds[k].mean[n]);
    less.kinds[k].covariance = part(prior.kinds[k].covariance, rest, rest);
  }
  return less;
}

}  // namespace

std::string_view name(RunKind kind) { return kKindNames[size_t(kind)]; }

RunKind run_kind(int threads, bool gpu, bool int8) {
  if (gpu && !int8) return RunKind::gpu;
  return threads == 1   ? RunKind::cpu_one_thread
         : threads <= 4 ? RunKind::cpu_few_threads
                        : RunKind::cpu_many_threads;
}

std::span<const std::string_view> default_calibration() { return kCalibration; }

std::vector<Prediction> predict(const Prior& prior, int threads, bool gpu,
                                std::span<const Measured> measured,
                                std::span<const Target> targets) {
  const Conditioned conditioned(prior, threads, gpu, measured);
  std::vector<Prediction> predictions;
  for (const Target& target : targets) predictions.push_back(conditioned.of(target));
  return predictions;
}

Result<Prior> fit_prior(const Measurements& table, std::span<const NetworkFeatures> features,
                        const FitOptions& options) {
  std::vector<size_t> used;
  std::set<std::string_view> groups;
  for (size_t c = 0; c < table.configurations.size(); ++c) {
    if (options.without_group == table.configurations[c].group) continue;
    used.push_back(c);
    groups.insert(table.configurations[c].group);
  }
  if (groups.size() < 2) {
    Error error =
        fail(ErrorId::bad_data, "a prior takes measurements of at least two devices or groups");
    error.hint = "add rows of other devices to the table";
    return error;
  }
  Prior prior;
  prior.networks = table.networks;
  prior.statistic = table.statistic;
  prior.source = options.source;
  for (const std::string& network : prior.networks) {
    const NetworkFeatures* found = find_features(features, network);
    prior.features.push_back(found ? std::optional(*found) : std::nullopt);
  }
  prior.calibration = options.calibration;
  if (prior.calibration.empty()) prior.calibration.assign(kCalibration.begin(), kCalibration.end());
  for (const std::string& network : prior.calibration) {
    if (find_network(prior.networks, network)) continue;
    return fail(ErrorId::bad_data,
                fmt::format("the calibration network {} is not in the table", network));
  }
  fit_kinds(prior, table, used);
  return prior;
}

double Residual::error() const { return prediction.log_milliseconds - std::log(measured); }

std::vector<Residual> residuals(const Prior& prior, const Measurements& table, size_t configuration,
                                std::span<const NetworkFeatures> features) {
  const Configuration& run = table.configurations[configuration];
  std::vector<Target> targets;
  std::vector<size_t> networks;
  for (size_t n = 0; n < table.networks.size(); ++n) {
    if (std::isnan(run.milliseconds[n]) || find_network(prior.calibration, table.networks[n]))
      continue;
    targets.push_back({table.networks[n], find_features(features, table.networks[n])});
    networks.push_back(n);
  }
  const auto predictions =
      predict(prior, run.threads, run.gpu, given_of(prior, table, run), targets);
  std::vector<Residual> found;
  for (size_t i = 0; i < networks.size(); ++i)
    found.push_back({configuration, networks[i], kind_of(run), predictions[i].known, predictions[i],
                     run.milliseconds[networks[i]]});
  return found;
}

std::vector<Residual> residuals_by_features(const Prior& prior, const Measurements& table,
                                            size_t configuration) {
  const Configuration& run = table.configurations[configuration];
  std::vector<Residual> found;
  for (size_t n = 0; n < prior.networks.size(); ++n) {
    const auto at = find_network(table.networks, prior.networks[n]);
    if (!prior.features[n] || !at || std::isnan(run.milliseconds[*at]) ||
        find_network(prior.calibration, prior.networks[n]))
      continue;
    const Prior less = without_network(prior, n);
    const Target target{prior.networks[n], &*prior.features[n]};
    const auto prediction =
        predict(less, run.threads, run.gpu, given_of(prior, table, run), std::span(&target, 1));
    found.push_back(
        {configuration, *at, kind_of(run), false, prediction[0], run.milliseconds[*at]});
  }
  return found;
}

void set_bounds(Prior& prior, std::span<const Residual> residuals) {
  for (size_t kind = 0; kind < kRunKinds; ++kind) {
    for (const bool known : {false, true}) {
      std::vector<double> scaled;
      for (const Residual& r : residuals)
        if (r.prediction.possible() && r.kind == RunKind(kind) && r.known == known)
          scaled.push_back(r.error() / r.prediction.deviation);
      prior.bound(RunKind(kind), known) = conformal_bound(scaled);
    }
  }
}

}  // namespace hone::calibrate
