// What published tables teach about how long networks take beside each other, and estimates of
// those that were not measured on a device from a few that were.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "calibrate/conformal.h"
#include "calibrate/published/gaussian.h"
#include "calibrate/published/measurements.h"

namespace hone::calibrate {

// Runs whose times lie beside each other in different ways, each with a distribution of its own.
enum class RunKind : uint8_t { cpu_one_thread, cpu_few_threads, cpu_many_threads, gpu };
inline constexpr size_t kRunKinds = 4;
std::string_view name(RunKind kind);
// Networks of bytes run on the CPU where the others run on the GPU. Few threads are 2 to 4.
RunKind run_kind(int threads, bool gpu, bool int8);

struct Prior {
  std::vector<std::string> networks;
  std::vector<std::optional<NetworkFeatures>> features;  // of each network
  std::vector<std::string> calibration;                  // the networks to measure on a device
  std::array<Gaussian, kRunKinds> kinds;  // of logarithms of milliseconds, over the networks
  // By how many predicted standard deviations estimates and measurements lie apart at most, in 90 %
  // of the cases: of each kind of run, of networks known to the prior and of others.
  std::array<std::array<ConformalBound, 2>, kRunKinds> bounds{};
  Statistic statistic = Statistic::average;
  std::string source;  // where the measurements come from, in words

  const ConformalBound& bound(RunKind kind, bool known) const {
    return bounds[size_t(kind)][known ? 0 : 1];
  }
  ConformalBound& bound(RunKind kind, bool known) { return bounds[size_t(kind)][known ? 0 : 1]; }
};

// A network whose time is known or asked for; `features` matter where the prior does not know it.
struct Measured {
  std::string network;
  double milliseconds = 0;
};
struct Target {
  std::string network;
  const NetworkFeatures* features = nullptr;
};
struct Prediction {
  double log_milliseconds = std::numeric_limits<double>::quiet_NaN();
  double deviation = 0;  // standard, of the logarithm
  bool known = false;    // to the prior; else from the features
  bool possible() const { return log_milliseconds == log_milliseconds; }
};

// Predictions of all targets for one run from what was measured in it; measured networks that the
// prior does not know say nothing. Not possible: a network that is neither known nor has features,
// and on GPUs, one of bytes when none of bytes was measured, and likewise the others.
std::vector<Prediction> predict(const Prior& prior, int threads, bool gpu,
                                std::span<const Measured> measured,
                                std::span<const Target> targets);

// The networks that are measured on a device unless something else is asked for: layers of all
// kinds of kernels and sizes, in floats and in bytes.
std::span<const std::string_view> default_calibration();

struct FitOptions {
  std::vector<std::string> calibration;  // empty: the default ones
  std::string source;
  std::optional<std::string> without_group = {};  // leave this one out
};
// Without bounds. Refused with bad_data: fewer than two groups.
// A group is a device, unless the table was read by another column.
Result<Prior> fit_prior(const Measurements& table, std::span<const NetworkFeatures> features,
                        const FitOptions& options);

// What a run says about the prior: of each network that was not given, how far the measurement lies
// from the prediction.
struct Residual {
  size_t configuration = 0, network = 0;   // of the table
  RunKind kind = RunKind::cpu_one_thread;  // of its run; for networks of bytes on GPUs, too
  bool known = true;
  Prediction prediction;
  double measured = 0;   // milliseconds
  double error() const;  // log(predicted / measured)
};
std::vector<Residual> residuals(const Prior& prior, const Measurements& table, size_t configuration,
                                std::span<const NetworkFeatures> features);
// The same where each network in turn is taken out of the prior and estimated by its features.
std::vector<Residual> residuals_by_features(const Prior& prior, const Measurements& table,
                                            size_t configuration);

// Bounds from residuals of priors that had not seen the device.
void set_bounds(Prior& prior, std::span<const Residual> residuals);

// As CSV: `kind,quantity,name,value` and a column for each network. Reads back exactly.
std::string print_prior(const Prior& prior);
Result<Prior> parse_prior(const CsvTable& table);

}  // namespace hone::calibrate
