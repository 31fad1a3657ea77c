// What measuring this machine and fitting anew have in common.
#pragma once

#include <string_view>

#include "calibrate/host_calibration.h"

namespace hone::calibrate {

inline constexpr size_t kNetworks = 42;
// Those, and as many layers of language models as tell their steps apart.
std::vector<SyntheticProgram> calibration_networks(uint64_t seed);
// Rows of samples that are no steps.
inline constexpr std::string_view kWholeRun = "run", kSumOfSteps = "sum";

SamplingOptions sampling_options(const CalibrationOptions& options,
                                 const estimate::Machine& machine);

// The last level is shared with whatever else runs on the chip: so much of it as explains the
// samples best is what this machine finds there. Sets it, and describes the samples anew.
Status choose_last_level(HostCalibration& host, const estimate::Calibration* prior);

// Everything else that follows from samples.
Status fit_host(HostCalibration& host, const CalibrationOptions& options);

}  // namespace hone::calibrate
