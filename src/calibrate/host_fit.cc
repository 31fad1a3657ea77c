#include "calibrate/host_fit.h"

#include <array>
#include <limits>
#include <map>

#include "calibrate/fit.h"
#include "calibrate/statistics.h"
#include "estimate/latency.h"

namespace hone::calibrate {
namespace {

using estimate::Calibration;

constexpr size_t kFolds = 4;

// Networks by the folds of what is left out: their names end in a number.
size_t fold_of(const std::string& program) {
  const size_t at = program.rfind('_');
  size_t number = 0;
  for (size_t i = at + 1; at != std::string::npos && i < program.size(); ++i)
    number = 10 * number + size_t(program[i] - '0');
  return number / kFolds % kFolds;
}

// The time of each network by fits that have not seen it.
Result<std::vector<NetworkTime>> left_out_times(const Samples& operators, const Samples& networks,
                                                const Calibration* prior, Calibration calibration) {
  std::vector<NetworkTime> times;
  const std::vector<estimate::FamilyFit> whole = calibration.families;
  for (size_t fold = 0; fold < kFolds; ++fold) {
    std::vector<Sample> seen = operators.steps;
    for (const Sample& s : networks.steps)
      if (fold_of(s.program) != fold) seen.push_back(s);
    calibration.families = TRY(fit_part(seen, calibration.rates, prior, whole));
    for (const RunSample& r : networks.runs)
      if (fold_of(r.program) == fold) {
        const auto e = estimate::estimate_latency(*r.work, calibration);
        times.push_back({r.program, e.seconds, r.seconds, e.difficulty});
      }
  }
  return times;
}

// The steps as a machine with such a cache finds them.
void describe_anew(Samples& samples, const estimate::Machine& machine) {
  std::map<std::string, const estimate::Workload*> work;
  for (const RunSample& r : samples.runs) work[r.program] = r.work.get();
  for (Sample& s : samples.steps) {
    const auto found = work.find(s.program);
    if (found == work.end()) continue;
    const estimate::Workload& w = *found->second;
    s.step = estimate::describe(w.steps[s.index], w.program->model(), machine);
  }
}

}  // namespace

std::vector<SyntheticProgram> calibration_networks(uint64_t seed) {
  constexpr size_t kLanguage = 12;
  std::vector<SyntheticProgram> programs = network_programs(seed, kNetworks);
  for (SyntheticProgram& p : language_programs(seed, kLanguage)) programs.push_back(std::move(p));
  return programs;
}

Status choose_last_level(HostCalibration& host, const Calibration* prior) {
  constexpr std::array kShares{1.0, 0.75, 0.5, 0.375, 0.25, 0.125};
  Calibration& c = host.calibration;
  const double whole = c.machine.l3_bytes;
  double best = whole, least = std::numeric_limits<double>::infinity();
  for (const double share : kShares) {
    c.machine.l3_bytes = std::max(share * whole, 2 * c.machine.l2_bytes);
    describe_anew(host.operators, c.machine);
    const double error = TRY(left_out_error(host.operators.steps, c.rates, prior));
    if (error < least) {
      least = error;
      best = c.machine.l3_bytes;
    }
  }
  c.machine.l3_bytes = best;
  describe_anew(host.operators, c.machine);
  describe_anew(host.networks, c.machine);
  return ok();
}

Status fit_host(HostCalibration& host, const CalibrationOptions& options) {
  Calibration& c = host.calibration;
  c.scale = 1;
  TRY(fit_runs(host.networks, c));
  std::vector<Sample> all = host.operators.steps;
  all.insert(all.end(), host.networks.steps.begin(), host.networks.steps.end());
  c.families = TRY(fit_families(all, c.rates, options.prior));
  fit_networks(TRY(left_out_times(host.operators, host.networks, options.prior, c)), c);
  c.samples = all.size();
  std::vector<double> spreads;
  for (const Sample& sample : all) spreads.push_back(sample.spread);
  c.noise = median(spreads);
  return ok();
}

SamplingOptions sampling_options(const CalibrationOptions& options,
                                 const estimate::Machine& machine) {
  SamplingOptions s;
  s.threads = options.threads;
  s.limits = options.limits;
  s.backend = options.backend;
  s.fallback = options.fallback;
  s.machine = machine;
  return s;
}

}  // namespace hone::calibrate
