#include "cli/floors.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/text.h"
#include "calibrate/calibrations.h"
#include "calibrate/profile.h"
#include "cli/output.h"
#include "hardware/host.h"

namespace hone::cli {
namespace {

using calibrate::DeviceFloors;
using calibrate::FloorCheck;
using estimate::Calibration;

Result<std::vector<Calibration>> built_in() {
  std::vector<Calibration> all;
  for (const calibrate::BuiltInCalibration& b : calibrate::built_in_calibrations()) {
    Calibration c = TRY(calibrate::parse_calibration(b.text, std::string(b.file)));
    // Priors are of no machine.
    if (!c.fingerprint.empty()) all.push_back(std::move(c));
  }
  return all;
}

// What the registry calls a CPU; "host" where it has none of that kind.
std::string device_of(const std::vector<Calibration>& known, std::string_view fingerprint) {
  for (const Calibration& c : known)
    if (c.fingerprint == fingerprint) return c.device;
  return "host";
}

// With the names of their devices.
Result<std::vector<Calibration>> to_check(const Arguments& arguments,
                                          const std::vector<Calibration>& known) {
  if (!arguments.has("--calibration")) return known;
  const std::string path = arguments.text("--calibration");
  Calibration c = TRY(calibrate::read_calibration(path, arguments.limits));
  if (c.device == "host") c.device = device_of(known, c.fingerprint);
  return std::vector<Calibration>{std::move(c)};
}

const DeviceFloors* find(const std::vector<DeviceFloors>& floors, const std::string& device,
                         int threads) {
  for (const DeviceFloors& f : floors)
    if (f.device == device && f.threads == threads) return &f;
  return nullptr;
}

Error nothing_to_compare(const std::string& what) {
  Error error = fail(ErrorId::inconclusive, "there is no floor for " + what);
  error.hint = "--lower-floors adds one";
  return error;
}

}  // namespace

bool FloorsReport::hold() const {
  return std::ranges::all_of(checks, [](const FloorCheck& c) { return c.holds(); });
}

Result<FloorsReport> compare_with_floors(const Arguments& arguments,
                                         std::optional<ModelsError> models) {
  const std::string path = arguments.text("--floors");
  const bool lower = arguments.on("--lower-floors");
  std::vector<DeviceFloors> floors;
  std::error_code none;  // where it cannot be looked for, reading or writing it says why
  if (!lower || std::filesystem::exists(path, none)) floors = TRY(calibrate::read_floors(path));
  const std::vector<Calibration> known = TRY(built_in());
  FloorsReport report;
  size_t lowered = 0;
  for (const Calibration& c : TRY(to_check(arguments, known))) {
    const DeviceFloors* of = find(floors, c.device, c.machine.threads);
    if (of != nullptr)
      for (FloorCheck& check : calibrate::check_floors(*of, c))
        report.checks.push_back(std::move(check));
    if (of == nullptr && !lower && arguments.has("--calibration"))
      return nothing_to_compare(
          fmt::format("{} with {} threads", printable(c.device), c.machine.threads));
    if (lower) lowered += calibrate::lower_floors(floors, c.device, c);
  }
  if (models) {
    const std::string device = device_of(known, cpu_fingerprint());
    const DeviceFloors* of = find(floors, device, models->threads);
    TRY(require_model_floor(arguments, models->threads));
    if (of != nullptr && of->models)
      report.checks.push_back({device, models->threads, "models", *of->models, models->median});
    if (lower)
      lowered += calibrate::lower_model_floor(floors, device, models->threads, models->median);
  }
  if (report.checks.empty() && !lower) return nothing_to_compare("any calibration there is");
  // What does not hold now is no reason to write anything.
  if (lower && report.hold()) {
    if (lowered > 0) TRY(write_file(path, calibrate::print(floors)));
    report.lowered = lowered;
  }
  return report;
}

Status require_model_floor(const Arguments& arguments, int threads) {
  if (!arguments.has("--floors") || arguments.on("--lower-floors")) return ok();
  const auto floors = TRY(calibrate::read_floors(arguments.text("--floors")));
  const std::string device = device_of(TRY(built_in()), cpu_fingerprint());
  const DeviceFloors* of = find(floors, device, threads);
  if (of != nullptr && of->models) return ok();
  return nothing_to_compare(fmt::format("whole models on {} with {} threads", device, threads));
}

void write(JsonWriter& json, const FloorsReport& report) {
  json.begin_object();
  json.member("hold", report.hold());
  if (report.lowered) json.member("lowered", *report.lowered);
  json.key("checks");
  json.begin_array();
  for (const FloorCheck& c : report.checks) {
    json.begin_object();
    json.member("device", c.device);
    json.member("threads", c.threads);
    json.member("what", c.what);
    json.member("floor", c.floor);
    json.key("error");
    if (c.error)
      json.value(*c.error);
    else
      json.null();
    json.member("holds", c.holds());
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

std::string text_of(const FloorsReport& report) {
  std::vector<std::vector<std::string>> rows{{"device", "threads", "", "error", "floor", ""}};
  for (const FloorCheck& c : report.checks) {
    // Networks are in units of their difficulty; the others are parts of the measured time.
    const auto figure = [&](double x) {
      return c.what == "networks" ? fmt::format("{:.2f}", x) : fmt::format("{:.1f} %", x * 100);
    };
    rows.push_back({printable(c.device), std::to_string(c.threads), c.what,
                    c.error ? figure(*c.error) : "none", figure(c.floor),
                    c.holds() ? "" : "broken"});
  }
  std::string text = report.checks.empty() ? "" : table(rows, {1, 3, 4});
  const auto broken = std::ranges::count_if(report.checks, [](auto& c) { return !c.holds(); });
  text += broken > 0 ? fmt::format("{} of {} floors are broken\n", broken, report.checks.size())
                     : fmt::format("{} floors hold\n", report.checks.size());
  if (report.lowered) text += fmt::format("{} floors are lower or new\n", *report.lowered);
  return text;
}

}  // namespace hone::cli
