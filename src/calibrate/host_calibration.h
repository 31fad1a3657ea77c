// Calibrates this machine: synthetic programs and networks, fits, and how far they may lie off.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "calibrate/sampling.h"
#include "estimate/calibration.h"
#include "formats/csv.h"
#include "measure/energy.h"
#include "runtime/backend.h"

namespace hone::calibrate {

// Of single operators, at most.
inline constexpr size_t kMostShapes = 10'000;

struct CalibrationOptions {
  int threads = 1;
  double seconds = 30;
  size_t shapes = 400;  // of single operators; of networks there are 24
  uint64_t seed = 0;    // of the shapes
  Limits limits;
  const Backend* backend = nullptr;
  const Backend* fallback = nullptr;
  const estimate::Calibration* prior = nullptr;
  measure::EnergyOptions counters;  // of energy
  std::function<void(double done)> progress;
};

struct HostCalibration {
  estimate::Calibration calibration;
  Samples operators, networks;
  std::string no_power;  // why the calibration has no power; "" where it has, or was not asked
};

Result<HostCalibration> calibrate_host(const CalibrationOptions& options);

// The fits anew, from the times that an earlier calibration wrote (`samples_csv`): of its seed come
// the same programs, and their counts are those of this version.
Result<HostCalibration> refit_host(estimate::Calibration earlier, const CsvTable& samples,
                                   const CalibrationOptions& options);

// "cpu 13 avx512": the kernels that a calibration is of, with the instruction set that they took.
std::string kernels_of(const Backend& backend);

// Raw samples as CSV, with a header line.
std::string samples_csv(const HostCalibration& host);

}  // namespace hone::calibrate
