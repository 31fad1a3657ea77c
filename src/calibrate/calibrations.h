// The calibrations there are: those of data/calibration, which are part of the program, and those
// of the user's folder.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "estimate/calibration.h"
#include "hardware/device.h"

namespace hone::calibrate {

// A file of data/calibration, as it was when hone was built.
struct BuiltInCalibration {
  std::string_view file, text;
};
std::span<const BuiltInCalibration> built_in_calibrations();

// $XDG_DATA_HOME/hone/calibration, by default ~/.local/share/hone/calibration; empty without a
// home.
std::string user_calibration_folder();
// Where the calibration of a CPU and a number of threads lies in the user's folder; empty where
// there is none.
std::string calibration_path(std::string_view fingerprint, int threads);

// From a file.
Result<estimate::Calibration> read_calibration(const std::string& path, const Limits& limits = {});

// The one of this CPU and this number of threads: the user's, else one that is built in.
Result<std::optional<estimate::Calibration>> calibration_of(std::string_view fingerprint,
                                                            int threads, const Limits& limits = {});

// The one of the user's folder or of those that are built in whose CPU is most like the device
// (estimate/interpolation.h); none where none is like it.
Result<std::optional<estimate::Calibration>> nearest_calibration(const Device& device, int threads,
                                                                 const Limits& limits = {});

// What was fitted on other machines, for the fit on this one: of one thread or of several, by the
// width of its vectors.
Result<std::optional<estimate::Calibration>> prior_for(int64_t vector, int threads);

}  // namespace hone::calibrate
