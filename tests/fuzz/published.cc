// Fuzzes the tables of published measurements: whatever a prior's file says, the prior that comes
// of it estimates, and prints as it was read.
#include "calibrate/published/energy.h"
#include "calibrate/published/prior.h"
#include "target.h"

namespace {

void use(const hone::calibrate::Prior& prior) {
  const std::string text = print_prior(prior);
  hone::Ledger ledger{hone::Limits()};
  const auto table = hone::CsvTable::parse(text, "again", ledger);
  hone::fuzz::require(table.ok());
  const auto again = hone::calibrate::parse_prior(*table);
  // Six digits of a matrix that is nearly singular may be those of one that is not definite.
  if (again) hone::fuzz::require(print_prior(*again) == text);
  if (prior.networks.size() > 50) return;
  std::vector<hone::calibrate::Measured> measured;
  for (const std::string& network : prior.calibration) measured.push_back({network, 1.5});
  std::vector<hone::calibrate::Target> targets;
  for (const std::string& network : prior.networks) targets.push_back({network});
  for (const bool gpu : {false, true})
    for (const auto& p : predict(prior, 4, gpu, measured, targets))
      hone::fuzz::require(!p.possible() || p.deviation > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto table = hone::CsvTable::parse(hone::fuzz::text(data, size), "input", ledger);
  if (!table) return 0;
  hone::fuzz::require_clean(
      hone::calibrate::read_measurements(*table, hone::calibrate::Statistic::average));
  hone::fuzz::require_clean(hone::calibrate::read_features(*table));
  const auto energy = hone::calibrate::read_energy(*table);
  hone::fuzz::require_clean(energy);
  if (energy) hone::fuzz::require_clean(hone::calibrate::validate_energy(*energy, "kws"));
  const auto prior = hone::calibrate::parse_prior(*table);
  hone::fuzz::require_clean(prior);
  if (prior) use(*prior);
  return 0;
}
