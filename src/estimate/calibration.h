// What was fitted on one machine for one number of threads: coefficients of every family of
// kernels, what is left over, and how far estimates of things never measured may lie off.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "estimate/family.h"

namespace hone::estimate {

// A measured step, kept so that bounds can be computed again and the corrector can look near it.
struct Residual {
  std::array<double, kPosition> position{};
  double log_ratio = 0;  // ln(measured / fitted)
  double seconds = 0;
  double weight = 0;  // in the corrector's sum
};

struct FamilyFit {
  std::string family;
  Features coefficients{};          // seconds for each unit of a feature, not negative
  std::vector<Residual> residuals;  // those of a prior first
  size_t own = 0;                   // of these, measured on this machine
  bool adopted = false;             // are coefficients and the first residuals those of a prior?
  bool corrects = false;            // does the corrector win on what was left out?
  double reach = 1;                 // of the corrector: distances beyond it say little
  double noise = 1;                 // of one residual, beside what varies with the place
  double median_error = 0, p90_error = 0;  // cross-validated
  double half_width = 0;  // of ln(measured / estimated) at 90 %, conformal; 0: too few
};

// Peaks of the machine, for bounds and for baselines.
struct Rates {
  double f32_flops = 0, int8_ops = 0;
  double l2_bytes_per_s = 0, l3_bytes_per_s = 0, dram_bytes_per_s = 0;
};

// What this machine draws by its own counters of energy: idle, more while its threads compute or
// wait for caches and memory, and what operations and bytes take beside that.
struct PowerFit {
  std::vector<std::string> sensors;
  size_t workloads = 0;
  double idle_w = 0;
  double compute_w = 0, memory_w = 0;  // above idle
  // 0: not told apart from the watts. The errors are standard errors.
  double operation_j = 0, operation_error_j = 0;
  double byte_j = 0, byte_error_j = 0;
  double left_out_error = 0;  // of power, root of the mean square, relative
  double half_width = 0;      // of ln(measured / fitted) of workloads left out, at 90 %
};

struct Calibration {
  std::string device;       // id of the registry, or "host"
  std::string created;      // UTC
  std::string fingerprint;  // of the CPU
  std::string cpu;
  std::string kernels;  // kernel set and version
  std::string engine;   // version of hone
  Machine machine;
  Rates rates;
  uint64_t seed = 0;
  size_t shapes = 0, samples = 0;
  double seconds = 0;  // that it took
  double noise = 0;    // half distance of quartiles over the median, median over samples
  std::vector<FamilyFit> families;
  // Of whole runs: what a step and a run take beside kernels, the scale, and how far off.
  double step_seconds = 0, run_seconds = 0, scale = 1;
  // ln(measured / estimated) of synthetic networks, over the difficulty of their estimates; and the
  // conformal bound of these at 90 %. 0: too few for a bound.
  std::vector<double> network_residuals;
  double half_width = 0;
  double network_half_width = 0;  // that of a network of median difficulty
  std::optional<PowerFit> power;  // none: no counter of energy could be read

  const FamilyFit* fit(std::string_view family) const;
};

}  // namespace hone::estimate
