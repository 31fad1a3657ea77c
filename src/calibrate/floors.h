// Regression floors: the largest median errors that are accepted of calibrations, by device and
// family of kernels, and of whole models. They are only ever lowered.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "estimate/calibration.h"

namespace hone::calibrate {

struct DeviceFloors {
  std::string device;
  int threads = 1;
  std::optional<double> models;    // median error of whole models that were measured
  std::optional<double> networks;  // conformal half-width of networks, in units of difficulty
  std::map<std::string, double> families;  // median errors, cross-validated
};

// What a floor is set above the error that it comes from, as a part of it: calibrating again gives
// another one.
inline constexpr double kFloorMargin = 0.1;

// Strict. `file` is what messages call the text. Fails with `bad_floors` ("FILE:LINE: KEY: what", a
// line for each fault).
Result<std::vector<DeviceFloors>> parse_floors(std::string_view text, std::string_view file);
Result<std::vector<DeviceFloors>> read_floors(const std::string& path);
std::string print(const std::vector<DeviceFloors>& floors);

// One error beside its floor.
struct FloorCheck {
  std::string device;
  int threads = 1;
  std::string what;  // a family, "networks" or "models"
  double floor = 0;
  std::optional<double> error;  // none: the calibration has no such family any more
  bool holds() const { return error && *error <= floor; }
};
std::vector<FloorCheck> check_floors(const DeviceFloors& floors,
                                     const estimate::Calibration& calibration);

// Makes floors lower where the calibration is better than them, and new ones where it has none; how
// many of both. `device` is what the floors call the device.
size_t lower_floors(std::vector<DeviceFloors>& floors, const std::string& device,
                    const estimate::Calibration& calibration);
// The same of whole models.
size_t lower_model_floor(std::vector<DeviceFloors>& floors, const std::string& device, int threads,
                         double median_error);

}  // namespace hone::calibrate
