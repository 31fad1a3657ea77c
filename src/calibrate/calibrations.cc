#include "calibrate/calibrations.h"

#include <cstdlib>
#include <filesystem>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "calibrate/profile.h"

namespace hone::calibrate {

std::string user_calibration_folder() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data && *data)
    return std::string(data) + "/hone/calibration";
  if (const char* home = std::getenv("HOME"); home && *home)
    return std::string(home) + "/.local/share/hone/calibration";
  return {};
}

std::string calibration_path(std::string_view fingerprint, int threads) {
  std::string name;
  for (const char c : fingerprint.substr(0, 48))
    name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return user_calibration_folder() + "/" + name + "_t" + std::to_string(threads) + ".json";
}

Result<estimate::Calibration> read_calibration(const std::string& path) {
  const MappedFile file = TRY(MappedFile::open(path));
  return parse_calibration(
      {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, path);
}

Result<std::optional<estimate::Calibration>> calibration_of(std::string_view fingerprint,
                                                            int threads) {
  const std::string path = calibration_path(fingerprint, threads);
  if (std::filesystem::exists(path)) {
    estimate::Calibration c = TRY(read_calibration(path));
    if (c.fingerprint == fingerprint && c.machine.threads == threads)
      return std::optional(std::move(c));
  }
  for (const BuiltInCalibration& b : built_in_calibrations()) {
    // Most are of other machines: they are not read for nothing.
    if (b.text.substr(0, 2048).find(fingerprint) == std::string_view::npos) continue;
    estimate::Calibration c = TRY(parse_calibration(b.text, std::string(b.file)));
    if (c.fingerprint == fingerprint && c.machine.threads == threads)
      return std::optional(std::move(c));
  }
  return std::optional<estimate::Calibration>();
}

Result<std::optional<estimate::Calibration>> prior_for(int64_t vector) {
  std::optional<estimate::Calibration> best;
  for (const BuiltInCalibration& b : built_in_calibrations()) {
    if (b.file.find("prior") == std::string_view::npos) continue;
    estimate::Calibration c = TRY(parse_calibration(b.text, std::string(b.file)));
    if (!best || c.machine.vector == vector) best = std::move(c);
  }
  return best;
}

}  // namespace hone::calibrate
