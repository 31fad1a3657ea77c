// Coefficients of families from measured steps.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "calibrate/sampling.h"
#include "estimate/calibration.h"

namespace hone::calibrate {

// Non-negative least squares of relative errors with Huber's loss, a fit for each family; the
// corrector where it wins when shapes are left out; conformal bounds of what is left out. A prior,
// of another machine or an earlier time, weighs as a few samples, at the pace of this machine.
Result<std::vector<estimate::FamilyFit>> fit_families(std::span<const Sample> samples,
                                                      const estimate::Rates& rates,
                                                      const estimate::Calibration* prior);
// The same for a part of the samples: correctors and bounds are taken from fits to all of them.
Result<std::vector<estimate::FamilyFit>> fit_part(std::span<const Sample> samples,
                                                  const estimate::Rates& rates,
                                                  const estimate::Calibration* prior,
                                                  const std::vector<estimate::FamilyFit>& whole);

// The mean |ln(measured / estimated)| of samples that fits have not seen, without correctors.
Result<double> left_out_error(std::span<const Sample> samples, const estimate::Rates& rates,
                              const estimate::Calibration* prior);

// Whole networks: their estimates come near the measured times by a scale, and what is left over
// bounds the error of others. Steps and runs have to be fitted before.
struct NetworkTime {
  std::string name;
  double estimated = 0, measured = 0, difficulty = 1;
};
void fit_networks(const std::vector<NetworkTime>& networks, estimate::Calibration& calibration);

// What whole runs take beside their steps: fills in step_seconds and run_seconds.
Status fit_runs(const Samples& samples, estimate::Calibration& calibration);

}  // namespace hone::calibrate
