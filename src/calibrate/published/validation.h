// How good estimates from published measurements are: errors, intervals and ranks against what was
// measured, beside simpler ways on the same data.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "calibrate/published/errors.h"
#include "calibrate/published/prior.h"

namespace hone::calibrate {

struct RunResult {
  std::string device, run;
  int threads = 1;
  bool gpu = false;
  ErrorSummary summary;
};
struct PartResult {
  std::string name;
  ErrorSummary summary;
};

struct Validation {
  std::vector<std::string> calibration;
  bool left_out = false;  // each group was estimated by a prior without it; else a prior was given
  size_t groups = 0;
  std::vector<RunResult> runs;
  std::vector<PartResult> parts;      // all runs, CPU, GPU, CPU by threads
  std::vector<PartResult> baselines;  // over the same measurements, as far as they can tell
  size_t impossible = 0;              // measurements that could not be estimated
  size_t by_features = 0;             // of networks that the prior does not know
};

// Called with how many of all groups are done.
using OnProgress = std::function<void(size_t done, size_t all)>;

// Steps of arithmetic that leaving groups out may take, about: a minute or two. The published table
// of 35 networks takes 10^9.
inline constexpr double kMostFitWork = 1e11;

// What leaving each group of the table out in turn leaves as residuals; known networks first, then
// those estimated by their features. Refused with bad_data: fewer than three groups, as the others
// are what a prior is fitted to; with over_time: more than kMostFitWork.
Result<std::vector<Residual>> leave_groups_out(const Measurements& table,
                                               std::span<const NetworkFeatures> features,
                                               const FitOptions& options,
                                               const OnProgress& progress);

// The prior of a table with bounds from leaving each group out.
Result<Prior> fit_bounded_prior(const Measurements& table,
                                std::span<const NetworkFeatures> features,
                                const FitOptions& options, const OnProgress& progress = {});

// Estimates with a prior that was made from other devices. Refused with bad_data: another
// statistic than that of the prior.
Result<Validation> validate(const Prior& prior, const Measurements& table,
                            std::span<const NetworkFeatures> features);
// Each group estimated with a prior of the others; an interval rests on the residuals of the other
// groups.
Result<Validation> validate_left_out(const Measurements& table,
                                     std::span<const NetworkFeatures> features,
                                     const FitOptions& options, const OnProgress& progress = {});

}  // namespace hone::calibrate
