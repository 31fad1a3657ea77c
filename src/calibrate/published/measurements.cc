#include "calibrate/published/measurements.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/text.h"

namespace hone::calibrate {
namespace {

constexpr std::array<std::string_view, 3> kStatistics{"avg", "min", "max"};

// The columns of a table of measurements, by position.
struct Columns {
  size_t device, model, threads, time, group;
  std::vector<size_t> run;  // what tells runs of one device apart, the device among it
  std::optional<size_t> command, gpu;
};

Result<Columns> find_columns(const CsvTable& table, Statistic statistic, std::string_view group) {
  Columns columns{};
  columns.device = TRY(table.column("device"));
  columns.model = TRY(table.column("model"));
  columns.threads = TRY(table.column("threads"));
  columns.time = TRY(table.column(fmt::format("{}_ms", name(statistic))));
  columns.group = TRY(table.column(group));
  columns.command = table.find("host_section_cmd");
  columns.gpu = table.find("gpu_device");
  columns.run = {columns.device, columns.threads};
  for (const auto& more : {columns.command, table.find("powersave"), columns.gpu})
    if (more) columns.run.push_back(*more);
  return columns;
}

std::optional<std::string_view> word(std::string_view text, size_t index) {
  for (;;) {
    const size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return std::nullopt;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find(' '), text.size());
    if (index-- == 0) return text.substr(0, end);
    text.remove_prefix(end);
  }
}

bool uses_gpu(const CsvTable& table, size_t row, const Columns& columns) {
  std::optional<std::string_view> device;
  if (columns.command) device = word(table.cell(row, *columns.command), 4);
  if (!device && columns.gpu) device = table.cell(row, *columns.gpu);
  return device && !device->empty() && !device->starts_with('-');
}

// A key of cells that cannot be mistaken for another one's: NUL stands in no cell.
std::string key_of(const CsvTable& table, size_t row, const std::vector<size_t>& columns) {
  std::string key;
  for (const size_t c : columns) {
    key += table.cell(row, c);
    key += '\0';
  }
  return key;
}

std::string describe_run(const CsvTable& table, size_t row, const Columns& columns, bool gpu) {
  const std::string_view threads = table.cell(row, columns.threads);
  std::string text = fmt::format("{}, {} thread{}", gpu ? "GPU" : "CPU", printable(threads),
                                 threads == "1" ? "" : "s");
  if (columns.command && !table.cell(row, *columns.command).empty())
    text += fmt::format(", {}", printable(table.cell(row, *columns.command)));
  return text;
}

size_t network_of(Measurements& measurements, std::string_view name) {
  if (const auto known = find_network(measurements.networks, name)) return *known;
  measurements.networks.emplace_back(name);
  for (Configuration& c : measurements.configurations)
    c.milliseconds.push_back(std::numeric_limits<double>::quiet_NaN());
  return measurements.networks.size() - 1;
}

Result<Configuration> begin_run(const CsvTable& table, size_t row, const Columns& columns,
                                size_t networks) {
  constexpr double kMostThreads = 1 << 20;
  const double threads = TRY(table.number(row, columns.threads));
  if (threads < 1 || threads > kMostThreads || threads != std::floor(threads))
    return table.error(row, columns.threads, "is not a number of threads");
  Configuration run;
  run.device = table.cell(row, columns.device);
  run.group = table.cell(row, columns.group);
  run.threads = static_cast<int>(threads);
  run.gpu = uses_gpu(table, row, columns);
  run.run = describe_run(table, row, columns, run.gpu);
  run.line = table.line(row);
  run.milliseconds.assign(networks, std::numeric_limits<double>::quiet_NaN());
  return run;
}

}  // namespace

std::optional<Statistic> parse_statistic(std::string_view name) {
  for (size_t i = 0; i < kStatistics.size(); ++i)
    if (kStatistics[i] == name) return static_cast<Statistic>(i);
  return std::nullopt;
}
std::string_view name(Statistic statistic) { return kStatistics[static_cast<size_t>(statistic)]; }

bool same_network(std::string_view a, std::string_view b) {
  const auto plain = [](char c) { return c == '-' ? '_' : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return plain(x) == plain(y); });
}

std::optional<size_t> find_network(const std::vector<std::string>& networks,
                                   std::string_view name) {
  for (size_t i = 0; i < networks.size(); ++i)
    if (same_network(networks[i], name)) return i;
  return std::nullopt;
}

bool is_int8(std::string_view network) {
  return network.ends_with("_int8") || network.ends_with("-int8");
}

Result<Measurements> read_measurements(const CsvTable& table, Statistic statistic,
                                       std::string_view group) {
  const Columns columns = TRY(find_columns(table, statistic, group));
  Measurements found;
  found.statistic = statistic;
  std::map<std::string, size_t> latest;  // of a key, the run that is being filled
  for (size_t row = 0; row < table.rows(); ++row) {
    const double time = TRY(table.number(row, columns.time));
    if (time < 0) return table.error(row, columns.time, "is a negative time");
    if (table.cell(row, columns.model).empty())
      return table.error(row, columns.model, "the name of a network is missing");
    const size_t network = network_of(found, table.cell(row, columns.model));
    if (found.networks.size() > kMostNetworks)
      return table.error(row, columns.model, fmt::format("more than {} networks", kMostNetworks));
    const auto [at, first] =
        latest.try_emplace(key_of(table, row, columns.run), found.configurations.size());
    const bool again =
        !first && !std::isnan(found.configurations[at->second].milliseconds[network]);
    if (again) at->second = found.configurations.size();
    if (first || again) {
      found.configurations.push_back(TRY(begin_run(table, row, columns, found.networks.size())));
    }
    if (time > 0) found.configurations[at->second].milliseconds[network] = time;
  }
  if (found.configurations.empty())
    return fail(ErrorId::bad_data, fmt::format("{}: the table has no rows", table.name()));
  return found;
}

double NetworkFeatures::macs() const {
  return std::accumulate(values.begin(), values.begin() + kMacs, 0.0);
}

Result<std::vector<NetworkFeatures>> read_features(const CsvTable& table) {
  const size_t model = TRY(table.column("model"));
  const size_t layers = TRY(table.column("layers"));
  std::array<size_t, NetworkFeatures::kColumns.size()> columns{};
  for (size_t i = 0; i < columns.size(); ++i)
    columns[i] = TRY(table.column(NetworkFeatures::kColumns[i]));
  std::vector<NetworkFeatures> all;
  for (size_t row = 0; row < table.rows(); ++row) {
    NetworkFeatures network;
    network.network = table.cell(row, model);
    for (const NetworkFeatures& other : all) {
      if (same_network(other.network, network.network))
        return table.error(row, model, "the network is listed twice");
    }
    for (size_t i = 0; i < columns.size(); ++i) {
      network.values[i] = TRY(table.number(row, columns[i]));
      if (network.values[i] < 0) return table.error(row, columns[i], "is negative");
      if (network.values[i] > kMostFeature)
        return table.error(row, columns[i], fmt::format("is above {:g}", kMostFeature));
    }
    if (network.macs() <= 0) return table.error(row, columns[0], "the network has no MACs");
    if (TRY(table.number(row, layers)) <= 0) return table.error(row, layers, "has no layers");
    all.push_back(std::move(network));
  }
  return all;
}

}  // namespace hone::calibrate
