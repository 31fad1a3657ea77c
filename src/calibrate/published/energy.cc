#include "calibrate/published/energy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "base/text.h"
#include "calibrate/conformal.h"
#include "calibrate/published/errors.h"

namespace hone::calibrate {
namespace {

struct Columns {
  std::array<size_t, 4> system{};
  size_t network, latency, energy;
  std::optional<size_t> metered;
};

Result<Columns> find_columns(const CsvTable& table) {
  Columns columns{};
  constexpr std::array<std::string_view, 4> kSystem{"round", "division", "submitter", "system"};
  for (size_t i = 0; i < kSystem.size(); ++i) columns.system[i] = TRY(table.column(kSystem[i]));
  columns.network = TRY(table.column("benchmark"));
  columns.latency = TRY(table.column("latency_ms"));
  columns.energy = TRY(table.column("energy_uJ_per_inf"));
  columns.metered = table.find("energy_mode_throughput_inf_s");
  return columns;
}

// 0 where the cell is empty.
Result<double> amount(const CsvTable& table, size_t row, size_t column) {
  const double value = TRY(table.optional_number(row, column)).value_or(0);
  if (value < 0) return table.error(row, column, "is negative");
  return value;
}

Result<EnergyRow> read_row(const CsvTable& table, size_t row, const Columns& columns) {
  EnergyRow read;
  for (const size_t c : columns.system)
    read.system += fmt::format("{}{}", read.system.empty() ? "" : " / ", table.cell(row, c));
  read.network = table.cell(row, columns.network);
  read.line = table.line(row);
  read.latency_s = TRY(amount(table, row, columns.latency)) * 1e-3;
  read.joules = TRY(amount(table, row, columns.energy)) * 1e-6;
  const double rate = columns.metered ? TRY(amount(table, row, *columns.metered)) : 0;
  read.while_metered = rate > 0;
  read.seconds = read.while_metered ? 1 / rate : read.latency_s;
  return read;
}

std::vector<PartResult> parts_of(const std::vector<EnergyResult>& results,
                                 const std::vector<ErrorCase>& cases) {
  std::vector<PartResult> parts{{"all", summarize(cases)}};
  std::set<std::string_view> networks;
  for (const EnergyResult& r : results) networks.insert(r.network);
  for (const std::string_view network : networks) {
    std::vector<ErrorCase> chosen;
    for (size_t i = 0; i < results.size(); ++i)
      if (results[i].network == network) chosen.push_back(cases[i]);
    parts.push_back({std::string(network), summarize(chosen)});
  }
  return parts;
}

}  // namespace

Result<std::vector<EnergyRow>> read_energy(const CsvTable& table) {
  const Columns columns = TRY(find_columns(table));
  std::vector<EnergyRow> rows;
  std::set<std::pair<std::string, std::string>> seen;
  for (size_t row = 0; row < table.rows(); ++row) {
    EnergyRow read = TRY(read_row(table, row, columns));
    if (!seen.insert({read.system, read.network}).second)
      return table.error(
          row, columns.network,
          fmt::format("{} comes twice on {}", printable(read.network), printable(read.system)));
    if (read.seconds > 0) rows.push_back(std::move(read));
  }
  return rows;
}

double energy_from(const EnergyRow& calibration, const EnergyRow& network) {
  const bool metered = calibration.while_metered && network.while_metered;
  const bool speed = calibration.latency_s > 0 && network.latency_s > 0;
  const double ratio = metered || !speed ? network.seconds / calibration.seconds
                                         : network.latency_s / calibration.latency_s;
  return calibration.joules * ratio;
}

Result<EnergyValidation> validate_energy(const std::vector<EnergyRow>& rows,
                                         std::string_view calibration) {
  EnergyValidation validation;
  validation.calibration = calibration;
  for (const EnergyRow& from : rows) {
    if (from.network != calibration || from.joules <= 0) continue;
    ++validation.systems;
    for (const EnergyRow& row : rows) {
      if (row.system != from.system || row.network == calibration || row.joules <= 0) continue;
      validation.results.push_back({row.system, row.network, energy_from(from, row), row.joules});
    }
  }
  if (validation.results.empty()) {
    return fail(ErrorId::inconclusive,
                fmt::format("no system has the energy of {} and of another network: {} have that "
                            "of {}",
                            printable(calibration), validation.systems, printable(calibration)));
  }
  std::vector<ErrorCase> cases;
  for (size_t i = 0; i < validation.results.size(); ++i) {
    const EnergyResult& result = validation.results[i];
    std::vector<double> others;
    for (const EnergyResult& other : validation.results)
      if (other.system != result.system)
        others.push_back(std::log(other.estimated / other.measured));
    const ConformalBound bound = conformal_bound(others);
    cases.push_back(
        {i, result.estimated, result.measured, bound.certified ? bound.half_width : std::nan("")});
  }
  validation.parts = parts_of(validation.results, cases);
  return validation;
}

}  // namespace hone::calibrate
