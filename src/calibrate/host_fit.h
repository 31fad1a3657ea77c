// What measuring this machine and fitting anew have in common.
#pragma once

#include <string_view>

#include "calibrate/host_calibration.h"

namespace hone::calibrate {

inline constexpr size_t kNetworks = 24;
// Rows of samples that are no steps.
inline constexpr std::string_view kWholeRun = "run", kSumOfSteps = "sum";

SamplingOptions sampling_options(const CalibrationOptions& options,
                                 const estimate::Machine& machine);

// Everything that follows from samples.
Status fit_host(HostCalibration& host, const CalibrationOptions& options);

}  // namespace hone::calibrate
