// The energy of networks on microcontrollers and small accelerators, from the power that one
// network draws: E = P(system) · t.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "calibrate/published/validation.h"
#include "formats/csv.h"

namespace hone::calibrate {

// One network on one system: a board at one clock and supply with one software, in one round.
struct EnergyRow {
  std::string system;  // round, division, submitter and system
  std::string network;
  double seconds = 0;          // of an inference, while energy is measured where the table says so
  bool while_metered = false;  // `seconds` are of the run that was metered
  double latency_s = 0;        // of the run for speed; 0 where there is none
  double joules = 0;           // of an inference; 0 where it was not measured
  uint64_t line = 0;
};

// Columns: round, division, submitter, system, benchmark, latency_ms, energy_uJ_per_inf, and where
// there is, energy_mode_throughput_inf_s. Cells of numbers may be empty, or 0: not measured. A
// network that comes twice on one system is refused, and rows without any time are left out.
Result<std::vector<EnergyRow>> read_energy(const CsvTable& table);

struct EnergyResult {
  std::string system, network;
  double estimated = 0, measured = 0;  // joules
};
struct EnergyValidation {
  std::string calibration;
  size_t systems = 0;  // with the energy of the calibration network
  std::vector<EnergyResult> results;
  std::vector<PartResult> parts;  // all, and each network
};

// The energy of a network whose time is known, from that of another on the same system. Both times
// are of metered runs, or both are of runs for speed: the ratio is what counts.
double energy_from(const EnergyRow& calibration, const EnergyRow& network);

// Each network but the calibration one, wherever both have an energy. The interval of a system
// rests on the residuals of the others. `inconclusive` where no system has both.
Result<EnergyValidation> validate_energy(const std::vector<EnergyRow>& rows,
                                         std::string_view calibration);

}  // namespace hone::calibrate
