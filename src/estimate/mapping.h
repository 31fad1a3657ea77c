// The resources of a class of devices: how much of its peaks a step can use.
#pragma once

#include <string>

#include "base/result.h"
#include "estimate/workload.h"
#include "hardware/device.h"

namespace hone::estimate {

struct Resources {
  double peak = 0;          // operations a second, of the element type that is computed with
  std::string peak_name;    // "peak_fp32"
  double bandwidth = 0;     // bytes a second of memory
  double near_bytes = 0;    // caches or on-chip memory: what fits is not read from memory
  double call_seconds = 0;  // of a step
};

// Fails with `unsupported_feature` where devices of this class do not run such models, or with
// `unknown_device` where the registry lacks what is needed, naming the field.
Result<Resources> resources_of(const Device& device, bool bytes);

// The share of the peak that a step reaches by its shape: cores, vectors, waves, arrays.
double utilization(const Device& device, const Step& step);

}  // namespace hone::estimate
