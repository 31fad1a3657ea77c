// The resources of a class of devices: how much of its figures a step can use.
#pragma once

#include <string>

#include "base/result.h"
#include "estimate/analysis.h"
#include "estimate/workload.h"
#include "hardware/device.h"

namespace hone::estimate {

// What devices of a class reach of their figures, as fitted to published measurements
// (class_priors.def, tools/fit_classes.py).
struct ClassPrior {
  std::string_view name;
  // Seconds for each second that the peak promises: of products with windows of several pixels, of
  // other products, of depthwise convolutions; of the elements of everything else.
  double windows, products, depthwise, others;
  double far;         // seconds for each second that the bandwidth promises
  double call;        // of a step: cycles on CPUs of several cores, seconds elsewhere
  double run;         // seconds of a run beside its steps
  double half_width;  // of ln(measured / estimated) at 90 %, of devices that were left out
  int devices;        // that it was compared with; 0: assumed
};
// None is of neuromorphic devices: see spiking.h.
const ClassPrior* prior_of(const Device& device);

struct Resources {
  const ClassPrior* prior = nullptr;
  double peak = 0;          // operations a second, of the element type that is computed with
  std::string peak_name;    // "peak_fp32"
  double bandwidth = 0;     // bytes a second of memory
  double near_bytes = 0;    // caches or on-chip memory: what fits is not read from memory
  double call_seconds = 0;  // of a step
};

// Fails with `unsupported_feature` where devices of this class do not run such models, or where the
// registry lacks what is needed, naming the field.
Result<Resources> resources_of(const Device& device, bool bytes);

// The share of its units that a step occupies by its shape: cores, waves, arrays.
double utilization(const Device& device, const Step& step);

struct StepTime {
  double compute = 0, memory = 0, call = 0;
  double seconds() const { return compute + memory + call; }
};
StepTime time_on(const Device& device, const Resources& resources, const Step& step);

// So many cores of a CPU: their share of the peaks, of the second level, and of the power above
// idle.
Device part_of(const Device& device, int threads);
std::string cores_note(const Device& device, int threads);

// The peak memory of an engine that is not hone, and whether that fits: a note where it does not.
void set_foreign_memory(Analysis& analysis, const Workload& workload, const Device& device);

}  // namespace hone::estimate
