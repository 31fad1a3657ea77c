// Energy that the machine says it took: counters of powercap (RAPL) and of NVML.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace hone::measure {

// A counter of joules that only grows, until it begins anew.
struct EnergySensor {
  std::string name;     // "package-0", "gpu-0 NVIDIA T4"
  double period_s = 0;  // between its updates
  double range_j = 0;   // at which it begins anew; 0: never
  std::function<std::optional<double>()> joules;
};

struct EnergySensors {
  std::vector<EnergySensor> found;
  std::vector<std::string> absent;  // what cannot be read, and why
};

struct EnergyOptions {
  bool cpu = true, gpu = false;
  std::string powercap = "/sys/class/powercap";
  std::string nvml = "libnvidia-ml.so.1";  // opened at run time
};
// Packages and, where the machine tells them apart, memory; not the parts of a package, and not
// what holds packages, for each joule would count twice. Every device of NVML.
EnergySensors find_energy_sensors(const EnergyOptions& options);

// From one reading of a counter to a later one.
double joules_between(double before, double after, double range);

// How long has to be measured for the sensors: a hundred of their periods.
double energy_window(std::span<const EnergySensor> sensors);

struct EnergyReading {
  std::string sensor;
  double seconds = 0;  // that the work took
  double gross_j = 0;  // in that time
  double idle_before_w = 0, idle_after_w = 0;
  // Without what the machine takes when idle; none where idling before and after differ by more
  // than a fifth.
  std::optional<double> net_j;
};
// Idles for a window, works, idles. `work` has to go on for a window; `settle` waits until what it
// left behind is over. A sensor that cannot be read any more is left out. `clock` says seconds; of
// none it is that of the system.
Result<std::vector<EnergyReading>> measure_energy(std::span<const EnergySensor> sensors,
                                                  const std::function<Status()>& work,
                                                  const std::function<void()>& settle,
                                                  const std::function<void(double)>& idle,
                                                  const std::function<double()>& clock = {});

}  // namespace hone::measure
