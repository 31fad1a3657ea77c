#include "calibrate/floors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/faults.h"
#include "base/mapped_file.h"
#include "calibrate/conformal.h"
#include "estimate/family.h"

namespace hone::calibrate {
namespace {

constexpr int64_t kSchema = 1;
constexpr size_t kMostFile = 1 << 20;  // bytes
constexpr double kMostError = 100;
constexpr std::string_view kKeys[] = {"schema", "floors"};
constexpr std::string_view kDeviceKeys[] = {"device", "threads", "models", "networks", "families"};

class Reader {
 public:
  explicit Reader(std::string_view file) : faults_(file, ErrorId::bad_floors) {}

  Result<std::vector<DeviceFloors>> read(const YamlNode& document) {
    if (document.kind != YamlNode::Kind::map) {
      faults_.add(std::max(document.line, 1), "floors", "expected `key: value` lines");
      return faults_.take();
    }
    faults_.unknown_keys(document, "", kKeys);
    for (const std::string_view key : kKeys)
      if (document.find(key) == nullptr) faults_.add(1, key, "is missing");
    int64_t schema = kSchema;
    if (const YamlNode* node = document.find("schema"))
      faults_.integer(*node, "schema", kSchema, kSchema, schema);
    if (const YamlNode* node = document.find("floors")) read_all(*node);
    if (!faults_.none()) return faults_.take();
    return std::move(floors_);
  }

 private:
  void read_all(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::list || node.children.empty())
      return faults_.add(node.line, "floors", "expected a list of `- device: …`");
    size_t i = 0;
    for (const YamlNode& element : node.children)
      read_device(element, fmt::format("floors[{}]", i++));
  }

  void read_device(const YamlNode& node, const std::string& key) {
    if (node.kind != YamlNode::Kind::map)
      return faults_.add(node.line, key, "expected {device: …, threads: …, families: …}");
    faults_.unknown_keys(node, key + ".", kDeviceKeys);
    DeviceFloors floors;
    for (const std::string_view needed : {"device", "threads"})
      if (node.find(needed) == nullptr)
        faults_.add(node.line, fmt::format("{}.{}", key, needed), "is missing");
    if (const YamlNode* device = node.find("device"))
      faults_.word(*device, key + ".device", floors.device);
    int64_t threads = 1;
    if (const YamlNode* n = node.find("threads"))
      faults_.integer(*n, key + ".threads", 1, 1024, threads);
    floors.threads = int(threads);
    for (const auto& [name, floor] :
         {std::pair("models", &floors.models), {"networks", &floors.networks}})
      if (const YamlNode* n = node.find(name))
        *floor = error_of(*n, fmt::format("{}.{}", key, name));
    if (const YamlNode* n = node.find("families")) read_families(*n, key + ".families", floors);
    if (!seen_.emplace(floors.device, floors.threads).second)
      faults_.add(node.line, key,
                  fmt::format("{} with {} threads stands twice", floors.device, floors.threads));
    floors_.push_back(std::move(floors));
  }

  void read_families(const YamlNode& node, const std::string& key, DeviceFloors& floors) {
    if (node.kind != YamlNode::Kind::map)
      return faults_.add(node.line, key, "expected {FAMILY: ERROR}");
    std::vector<std::string_view> known;
    for (const estimate::Family* f : estimate::families()) known.push_back(f->name);
    for (const YamlNode& family : node.children) {
      const std::string name = key + "." + family.key;
      if (std::ranges::find(known, family.key) == known.end())
        faults_.unknown(family, name, family.key, "family", known);
      else
        floors.families[family.key] = error_of(family, name);
    }
  }

  double error_of(const YamlNode& node, const std::string& key) {
    double error = 0;
    faults_.real(node, key, 0, kMostError, ", where 0.05 is 5 %", error);
    return error;
  }

  Faults faults_;
  std::vector<DeviceFloors> floors_;
  std::set<std::pair<std::string, int>> seen_;
};

// Three digits, upwards; what rounding adds to a product is no reason for another step.
double floor_above(double error) {
  return std::ceil(error * (1 + kFloorMargin) * 1e3 - 1e-6) / 1e3;
}

DeviceFloors& floors_of(std::vector<DeviceFloors>& floors, const std::string& device, int threads) {
  const auto known = std::ranges::find_if(
      floors, [&](const DeviceFloors& f) { return f.device == device && f.threads == threads; });
  if (known != floors.end()) return *known;
  floors.push_back({.device = device, .threads = threads});
  return floors.back();
}

size_t lower(std::optional<double>& floor, double error) {
  const double above = floor_above(error);
  if (floor && *floor <= above) return 0;
  floor = above;
  return 1;
}

}  // namespace

Result<std::vector<DeviceFloors>> parse_floors(std::string_view text, std::string_view file) {
  const YamlNode document = TRY(read_yaml(text, file, ErrorId::bad_floors, {.bytes = kMostFile}));
  return Reader(file).read(document);
}

Result<std::vector<DeviceFloors>> read_floors(const std::string& path) {
  const MappedFile file = TRY(MappedFile::open(path));
  return parse_floors({reinterpret_cast<const char*>(file.bytes().data()), file.size()}, path);
}

std::string print(const std::vector<DeviceFloors>& floors) {
  std::string text =
      "# The largest errors that are accepted: `hone validate --floors` compares, and lowers them\n"
      "# with --lower-floors. docs/estimation.md has the schema.\n"
      "schema: 1\nfloors:\n";
  for (const DeviceFloors& f : floors) {
    text += fmt::format("  - device: {}\n    threads: {}\n", f.device, f.threads);
    if (f.models) text += fmt::format("    models: {:.3f}\n", *f.models);
    if (f.networks) text += fmt::format("    networks: {:.3f}\n", *f.networks);
    if (!f.families.empty()) text += "    families:\n";
    for (const auto& [family, error] : f.families)
      text += fmt::format("      {}: {:.3f}\n", family, error);
  }
  return text;
}

std::vector<FloorCheck> check_floors(const DeviceFloors& floors,
                                     const estimate::Calibration& calibration) {
  std::vector<FloorCheck> checks;
  if (floors.networks)
    // From the residuals, not from what the file says of them.
    checks.push_back({floors.device, floors.threads, "networks", *floors.networks,
                      conformal_bound(calibration.network_residuals).half_width});
  for (const auto& [family, floor] : floors.families) {
    FloorCheck check{floors.device, floors.threads, family, floor, {}};
    if (const estimate::FamilyFit* fit = calibration.fit(family); fit && fit->half_width > 0)
      check.error = fit->median_error;
    checks.push_back(std::move(check));
  }
  return checks;
}

size_t lower_floors(std::vector<DeviceFloors>& floors, const std::string& device,
                    const estimate::Calibration& calibration) {
  DeviceFloors& f = floors_of(floors, device, calibration.machine.threads);
  size_t lowered = 0;
  if (const ConformalBound bound = conformal_bound(calibration.network_residuals); bound.certified)
    lowered += lower(f.networks, bound.half_width);
  for (const estimate::FamilyFit& fit : calibration.families) {
    // Of too few samples for a bound the median says too little to hold anybody to it.
    if (fit.half_width <= 0) continue;
    std::optional<double> floor;
    if (const auto known = f.families.find(fit.family); known != f.families.end())
      floor = known->second;
    lowered += lower(floor, fit.median_error);
    f.families[fit.family] = *floor;
  }
  return lowered;
}

size_t lower_model_floor(std::vector<DeviceFloors>& floors, const std::string& device, int threads,
                         double median_error) {
  return lower(floors_of(floors, device, threads).models, median_error);
}

}  // namespace hone::calibrate
