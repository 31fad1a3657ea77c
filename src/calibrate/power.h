// What this machine draws: watts by what it does, and joules for each operation and byte where its
// counters of energy tell them apart.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "estimate/calibration.h"
#include "measure/energy.h"

namespace hone::calibrate {

// What was done in one second, by all threads together, and for what share of it they computed and
// waited for caches and memory.
struct Activity {
  double operations = 0, bytes = 0;
  double compute = 0, memory = 0;
};

// Workloads of known operations and bytes, and the clock that goes with them.
class PowerBench {
 public:
  virtual ~PowerBench() = default;
  virtual std::vector<std::string> workloads() const = 0;
  virtual Result<Activity> run(size_t workload, double seconds) = 0;
  virtual void idle(double seconds) = 0;
  virtual double now() = 0;
};

struct PowerSample {
  std::string workload;
  Activity activity;
  double idle_w = 0, net_w = 0;  // net: above idle
};

struct PowerCalibration {
  std::optional<estimate::PowerFit> fit;
  std::string absent;  // why there is none
};

// How long one round of all workloads takes.
double round_seconds(std::span<const measure::EnergySensor> sensors, size_t workloads);

// As many rounds as fit into so many seconds, three at most. What does not idle evenly is left out.
Result<std::vector<PowerSample>> measure_power(std::span<const measure::EnergySensor> sensors,
                                               PowerBench& bench, double seconds);

// P = idle + compute_w · share + memory_w · share + operation_j · operations/s + byte_j · bytes/s,
// no coefficient negative. A price is kept where it lowers the error of workloads left out by a
// fifth or more and its standard error is at most a third of it. Fails where nine workloads are
// not there, or those left out say too little.
Result<estimate::PowerFit> fit_power(std::span<const PowerSample> samples);

// Both; the bench is made where there are sensors. Counters that cannot be read, or say too little,
// are no error: `absent` tells of them.
PowerCalibration calibrate_power(const measure::EnergySensors& sensors,
                                 const std::function<std::unique_ptr<PowerBench>()>& bench,
                                 double seconds);

}  // namespace hone::calibrate
