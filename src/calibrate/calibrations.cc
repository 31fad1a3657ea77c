#include "calibrate/calibrations.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "base/mapped_file.h"
#include "base/user_folder.h"
#include "calibrate/profile.h"
#include "estimate/interpolation.h"

namespace hone::calibrate {
namespace {

// Fitted to several machines or runs: it stands for none of them.
bool is_prior(const BuiltInCalibration& b) {
  return b.file.find("prior") != std::string_view::npos;
}

// The files of the user's folder, sorted. A folder that is not there, or may not be read, has none.
std::vector<std::string> user_calibrations() {
  std::vector<std::string> paths;
  const std::string folder = user_calibration_folder();
  if (folder.empty()) return paths;
  std::error_code failure;
  std::filesystem::directory_iterator it(folder, failure);
  for (; !failure && it != std::filesystem::directory_iterator(); it.increment(failure))
    if (it->path().extension() == ".json") paths.push_back(it->path().string());
  std::ranges::sort(paths);
  return paths;
}

// Those that are built in, read once: many devices ask for them.
Result<std::span<const estimate::Calibration>> calibrations_of_cpus() {
  static const Result<std::vector<estimate::Calibration>> kAll =
      []() -> Result<std::vector<estimate::Calibration>> {
    std::vector<estimate::Calibration> all;
    for (const BuiltInCalibration& b : built_in_calibrations())
      if (!is_prior(b)) all.push_back(TRY(parse_calibration(b.text, std::string(b.file))));
    return all;
  }();
  if (!kAll) return kAll.error();
  return std::span<const estimate::Calibration>(*kAll);
}

}  // namespace

std::string user_calibration_folder() { return user_data_folder("calibration"); }

std::string calibration_path(std::string_view fingerprint, int threads) {
  const std::string folder = user_calibration_folder();
  if (folder.empty()) return {};
  std::string name;
  for (const char c : fingerprint.substr(0, 48))
    name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return folder + "/" + name + "_t" + std::to_string(threads) + ".json";
}

Result<estimate::Calibration> read_calibration(const std::string& path, const Limits& limits) {
  const MappedFile file = TRY(MappedFile::open(path));
  return parse_calibration(
      {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, path, limits);
}

Result<std::optional<estimate::Calibration>> calibration_of(std::string_view fingerprint,
                                                            int threads, const Limits& limits) {
  const std::string path = calibration_path(fingerprint, threads);
  std::error_code none;  // where it cannot be looked for, there is none
  if (!path.empty() && std::filesystem::exists(path, none)) {
    estimate::Calibration c = TRY(read_calibration(path, limits));
    if (c.fingerprint == fingerprint && c.machine.threads == threads)
      return std::optional(std::move(c));
  }
  for (const BuiltInCalibration& b : built_in_calibrations()) {
    if (is_prior(b)) continue;
    // Most are of other machines: they are not read for nothing.
    if (b.text.substr(0, 2048).find(fingerprint) == std::string_view::npos) continue;
    estimate::Calibration c = TRY(parse_calibration(b.text, std::string(b.file)));
    if (c.fingerprint == fingerprint && c.machine.threads == threads)
      return std::optional(std::move(c));
  }
  return std::optional<estimate::Calibration>();
}

Result<std::optional<estimate::Calibration>> nearest_calibration(const Device& device, int threads,
                                                                 const Limits& limits) {
  std::optional<estimate::Calibration> nearest;
  int most = 0;
  const auto consider = [&](const estimate::Calibration& c) {
    const int likeness = estimate::likeness(c, device, threads);
    if (likeness <= most) return;
    most = likeness;
    nearest = c;
  };
  // The user's own come first: of equals, they stay.
  for (const std::string& path : user_calibrations()) consider(TRY(read_calibration(path, limits)));
  for (const estimate::Calibration& c : TRY(calibrations_of_cpus())) consider(c);
  return nearest;
}

Result<std::optional<estimate::Calibration>> prior_for(int64_t vector, int threads) {
  std::optional<estimate::Calibration> best;
  const auto fitness = [&](const estimate::Calibration& c) {
    return 2 * int((c.machine.threads > 1) == (threads > 1)) + int(c.machine.vector == vector);
  };
  for (const BuiltInCalibration& b : built_in_calibrations()) {
    if (!is_prior(b)) continue;
    estimate::Calibration c = TRY(parse_calibration(b.text, std::string(b.file)));
    if (!best || fitness(c) > fitness(*best)) best = std::move(c);
  }
  return best;
}

}  // namespace hone::calibrate
