// Published tables of how long whole networks take on devices, and what the networks consist of.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/csv.h"

namespace hone::calibrate {

// Which number of a table is estimated: what is given is of the same kind.
enum class Statistic : uint8_t { average, least, most };
std::optional<Statistic> parse_statistic(std::string_view name);  // "avg", "min", "max"
std::string_view name(Statistic statistic);

// One run of a benchmark on a device: one number of threads, on the CPU or the GPU.
struct Configuration {
  std::string device;
  std::string group;  // what is left out together with it
  std::string run;    // as the table tells it apart from others of the device
  int threads = 1;
  bool gpu = false;
  uint64_t line = 0;                 // of its first measurement
  std::vector<double> milliseconds;  // of each network of the table; NaN where not measured
};

struct Measurements {
  std::vector<std::string> networks;
  std::vector<Configuration> configurations;
  Statistic statistic = Statistic::average;
};

// Of one table, and of a prior. Fits take the cube of them for each run and group: see
// kMostFitWork.
inline constexpr size_t kMostNetworks = 200;

// Two spellings of one name: "squeezenet-int8" and "squeezenet_int8" are the same network.
bool same_network(std::string_view a, std::string_view b);
std::optional<size_t> find_network(const std::vector<std::string>& networks, std::string_view name);
// Networks of bytes have rates of their own, and run on the CPU where others run on the GPU.
bool is_int8(std::string_view network);

// Columns: device, model, threads, avg_ms (min_ms, max_ms); where there are, host_section_cmd,
// powersave and gpu_device tell runs of a device apart. A run uses the GPU where the fifth word of
// a command `benchncnn LOOPS THREADS POWERSAVE GPU …` is not negative, and without a command, where
// gpu_device is not. A network that comes twice begins another run. `group` is the column whose
// value is left out as a whole in a validation. Times of 0 are left out: they were below the
// resolution.
Result<Measurements> read_measurements(const CsvTable& table, Statistic statistic,
                                       std::string_view group = "device");

// What a network's time depends on.
struct NetworkFeatures {
  static constexpr std::array<std::string_view, 9> kColumns{
      "macs_conv3x3",      "macs_conv1x1",    "macs_depthwise",
      "macs_fc",           "macs_conv_other", "weights_conv_fc",
      "act_elems_conv_fc", "layers",          "act_elems_other_ops"};
  static constexpr size_t kMacs = 5;  // the first so many are multiply-adds, by kind of kernel

  std::string network;
  std::array<double, kColumns.size()> values{};
  double macs() const;
};

// Sums of these and their logarithms stay numbers; no network has so many of anything.
inline constexpr double kMostFeature = 1e18;

// Columns: model and those above; numbers from 0 to kMostFeature, MACs and layers at all.
Result<std::vector<NetworkFeatures>> read_features(const CsvTable& table);

}  // namespace hone::calibrate
