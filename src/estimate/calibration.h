// What was fitted on one machine for one number of threads: coefficients of every family of
// kernels, what is left over, and how far estimates of things never measured may lie off.
#pragma once

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

  const FamilyFit* fit(std::string_view family) const;
};

}  // namespace hone::estimate
