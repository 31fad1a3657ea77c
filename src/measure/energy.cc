#include "measure/energy.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/process.h"
#include "base/text.h"

namespace hone::measure {
namespace {

namespace fs = std::filesystem;

constexpr double kPeriods = 100;
constexpr double kRaplPeriod =
    1e-3;  // Intel SDM volume 3, 15.10: the status is updated about that often
// Power is averaged over 100 ms or updated that often on the devices that NVML documents.
constexpr double kNvmlPeriod = 0.1;

std::string line_of(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<double> number_of(const fs::path& path) {
  const std::string line = line_of(path);
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), n);
  if (error != std::errc() || end != line.data() + line.size() || line.empty()) return std::nullopt;
  return double(n);
}

// "intel-rapl:0" is a package, "intel-rapl:0:1" a part of it.
bool is_counted(const std::string& zone, const std::string& name) {
  const bool part = std::count(zone.begin(), zone.end(), ':') > 1;
  return part ? name.starts_with("dram") : name.starts_with("package");
}

void find_powercap(const std::string& root, EnergySensors& sensors) {
  std::error_code error;
  std::vector<fs::path> zones;
  fs::directory_iterator it(root, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error))
    if (it->path().filename().string().starts_with("intel-rapl:")) zones.push_back(it->path());
  std::sort(zones.begin(), zones.end());
  const size_t before = sensors.found.size();
  std::string unreadable;
  for (const fs::path& zone : zones) {
    const std::string id = zone.filename(), name = line_of(zone / "name");
    if (!is_counted(id, name)) continue;
    const fs::path counter = zone / "energy_uj";
    if (!number_of(counter)) {
      unreadable = counter;
      continue;
    }
    // The memory of every package has the same name.
    const bool part = std::count(id.begin(), id.end(), ':') > 1;
    EnergySensor sensor;
    sensor.name = printable(part ? name + "-" + id.substr(11, id.rfind(':') - 11) : name);
    sensor.period_s = kRaplPeriod;
    sensor.range_j = number_of(zone / "max_energy_range_uj").value_or(0) * 1e-6;
    sensor.joules = [counter]() -> std::optional<double> {
      const auto microjoules = number_of(counter);
      if (!microjoules) return std::nullopt;
      return *microjoules * 1e-6;
    };
    sensors.found.push_back(std::move(sensor));
  }
  if (!unreadable.empty())
    sensors.absent.push_back("cpu: '" + printable(unreadable) +
                             "' cannot be read; the system may "
                             "let its administrator do that only");
  else if (sensors.found.size() == before)
    sensors.absent.push_back("cpu: there is no counter of a package below '" + printable(root) +
                             "'");
}

// The functions of NVML that are called, by the signatures of its manual.
struct Nvml {
  using Device = struct NvmlDevice*;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, Device*) = nullptr;
  int (*name)(Device, char*, unsigned) = nullptr;
  int (*energy)(Device, unsigned long long*) = nullptr;  // millijoules
  void* library = nullptr;
  bool ready = false;

  ~Nvml() {
    if (ready) shutdown();
    if (library != nullptr) dlclose(library);
  }
  template <class F>
  bool find(F& function, const char* symbol) {
    function = reinterpret_cast<F>(dlsym(library, symbol));
    return function != nullptr;
  }
};

void find_nvml(const std::string& library, EnergySensors& sensors) {
  const auto nvml = std::make_shared<Nvml>();
  nvml->library = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (nvml->library == nullptr) {
    sensors.absent.push_back("gpu: there is no " + printable(library));
    return;
  }
  const bool complete = nvml->find(nvml->init, "nvmlInit_v2") &&
                        nvml->find(nvml->shutdown, "nvmlShutdown") &&
                        nvml->find(nvml->count, "nvmlDeviceGetCount_v2") &&
                        nvml->find(nvml->handle, "nvmlDeviceGetHandleByIndex_v2") &&
                        nvml->find(nvml->name, "nvmlDeviceGetName") &&
                        nvml->find(nvml->energy, "nvmlDeviceGetTotalEnergyConsumption");
  nvml->ready = complete && nvml->init() == 0;
  unsigned devices = 0;
  if (!nvml->ready || nvml->count(&devices) != 0) {
    sensors.absent.push_back("gpu: " + printable(library) +
                             (complete ? " finds no driver" : " is of another kind"));
    return;
  }
  const size_t before = sensors.found.size();
  for (unsigned i = 0; i < devices; ++i) {
    Nvml::Device device = nullptr;
    char name[97] = "";
    unsigned long long millijoules = 0;
    if (nvml->handle(i, &device) != 0 || nvml->energy(device, &millijoules) != 0) continue;
    if (nvml->name(device, name, sizeof name - 1) != 0) name[0] = '\0';
    EnergySensor sensor;
    sensor.name = fmt::format("gpu-{} {}", i, printable(name));
    sensor.period_s = kNvmlPeriod;
    sensor.joules = [nvml, device]() -> std::optional<double> {
      unsigned long long now = 0;
      if (nvml->energy(device, &now) != 0) return std::nullopt;
      return double(now) * 1e-3;
    };
    sensors.found.push_back(std::move(sensor));
  }
  if (sensors.found.size() == before) sensors.absent.push_back("gpu: no device counts its energy");
}

using Readings = std::vector<std::optional<double>>;

Readings read(std::span<const EnergySensor> sensors) {
  Readings all;
  for (const EnergySensor& s : sensors) all.push_back(s.joules());
  return all;
}

}  // namespace

EnergySensors find_energy_sensors(const EnergyOptions& options) {
  EnergySensors sensors;
  if (options.cpu) find_powercap(options.powercap, sensors);
  if (options.gpu) find_nvml(options.nvml, sensors);
  return sensors;
}

double joules_between(double before, double after, double range) {
  if (after >= before || range <= 0) return std::max(after - before, 0.0);
  return std::max(after + range - before, 0.0);
}

double energy_window(std::span<const EnergySensor> sensors) {
  double longest = 0;
  for (const EnergySensor& s : sensors) longest = std::max(longest, s.period_s);
  return kPeriods * longest;
}

Result<std::vector<EnergyReading>> measure_energy(std::span<const EnergySensor> sensors,
                                                  const std::function<Status()>& work,
                                                  const std::function<void()>& settle,
                                                  const std::function<void(double)>& idle,
                                                  const std::function<double()>& clock) {
  // Begin and end of idling, of working, of idling.
  std::array<Readings, 6> at;
  std::array<double, 3> took{};
  const double window = energy_window(sensors);
  const auto start = std::chrono::steady_clock::now();
  const auto now = [&] { return clock ? clock() : seconds_since(start); };
  const auto timed = [&](size_t phase, auto&& act) -> Status {
    at[2 * phase] = read(sensors);
    const double begin = now();
    TRY(act());
    at[2 * phase + 1] = read(sensors);
    took[phase] = now() - begin;
    return ok();
  };
  const auto idling = [&]() -> Status {
    idle(window);
    return ok();
  };
  TRY(timed(0, idling));
  TRY(timed(1, work));
  settle();
  TRY(timed(2, idling));
  std::vector<EnergyReading> readings;
  for (size_t s = 0; s < sensors.size(); ++s) {
    if (std::ranges::any_of(at, [&](const Readings& r) { return !r[s]; })) continue;
    const auto joules = [&](size_t phase) {
      return joules_between(*at[2 * phase][s], *at[2 * phase + 1][s], sensors[s].range_j);
    };
    EnergyReading r{sensors[s].name,     took[1], joules(1), joules(0) / took[0],
                    joules(2) / took[2], {}};
    const double idle_w = (r.idle_before_w + r.idle_after_w) / 2;
    if (std::abs(r.idle_before_w - r.idle_after_w) <= idle_w / 5)
      r.net_j = std::max(r.gross_j - idle_w * r.seconds, 0.0);
    readings.push_back(std::move(r));
  }
  return readings;
}

}  // namespace hone::measure
