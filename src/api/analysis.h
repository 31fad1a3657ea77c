// Estimates for a model file: on this machine by its calibration, elsewhere by the registry.
#pragma once

#include <string>
#include <vector>

#include "api/workload.h"
#include "base/limits.h"
#include "base/result.h"
#include "estimate/analysis.h"
#include "estimate/spiking.h"
#include "hardware/registry.h"

namespace hone {

struct AnalysisOptions {
  int threads = 0;          // of CPUs; 0: one for each, or for each core
  std::string calibration;  // a file to take instead of the registered one; "" for none
  estimate::Spikes spikes;  // on neuromorphic devices
  Limits limits;            // of reading calibrations
};

// `device` is an id, an alias, a file, or `host`.
Result<estimate::Analysis> analyze_on(const OpenedWorkload& opened, const DeviceRegistry& registry,
                                      const std::string& device, double batch,
                                      const AnalysisOptions& options);

}  // namespace hone
