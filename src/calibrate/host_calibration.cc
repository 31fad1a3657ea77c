#include "calibrate/host_calibration.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "calibrate/fit.h"
#include "calibrate/host_machine.h"
#include "estimate/latency.h"
#include "hardware/host.h"
#include "kernels/instruction_set.h"
#include "measure/machine_peaks.h"

namespace hone::calibrate {
namespace {

using estimate::Calibration;

constexpr size_t kNetworks = 24, kFolds = 4;
constexpr double kNetworkShare = 0.25;  // of measuring
constexpr double kMeasuring = 0.82;

std::string now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::ranges::sort(v);
  return v[v.size() / 2];
}

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
                                                const Calibration* prior,
                                                Calibration& calibration) {
  std::vector<NetworkTime> times;
  for (size_t fold = 0; fold < kFolds; ++fold) {
    std::vector<Sample> seen = operators.steps;
    for (const Sample& s : networks.steps)
      if (fold_of(s.program) != fold) seen.push_back(s);
    calibration.families = TRY(fit_families(seen, calibration.rates, prior));
    for (const RunSample& r : networks.runs)
      if (fold_of(r.program) == fold) {
        const auto e = estimate::estimate_latency(*r.work, calibration);
        times.push_back({r.program, e.seconds, r.seconds, e.difficulty});
      }
  }
  return times;
}

}  // namespace

std::string kernels_of(const Backend& backend) {
  return backend.target() + " " + std::string(kernels::name(kernels::instruction_set()));
}

Result<HostCalibration> calibrate_host(const CalibrationOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  HostCalibration host;
  Calibration& c = host.calibration;
  const Host machine = detect_host();
  c.device = "host";
  c.created = now();
  c.cpu = machine.cpu;
  c.fingerprint = cpu_fingerprint(machine);
  c.kernels = kernels_of(*options.backend);
  c.engine = HONE_VERSION;
  c.seed = options.seed;
  c.machine = host_machine(machine, options.threads);
  {
    ThreadPool pool(options.threads);
    const measure::MachinePeaks peaks = measure::measure_peaks(pool);
    c.rates = {peaks.f32_flops, peaks.int8_ops, peaks.l2_bytes_per_s, peaks.l3_bytes_per_s,
               peaks.dram_bytes_per_s};
  }
  SamplingOptions s;
  s.threads = options.threads;
  // Fits, and what machines can do at best, take the rest of the time.
  const double seconds = kMeasuring * options.seconds;
  s.seconds = seconds * (1 - kNetworkShare);
  s.limits = options.limits;
  s.backend = options.backend;
  s.fallback = options.fallback;
  s.machine = c.machine;
  if (options.progress)
    s.progress = [&](double done) { options.progress(done * (1 - kNetworkShare)); };
  host.operators = TRY(sample(operator_programs(options.seed, options.shapes), s));
  s.seconds = seconds * kNetworkShare;
  if (options.progress)
    s.progress = [&](double done) { options.progress(1 - kNetworkShare * (1 - done)); };
  host.networks = TRY(sample(network_programs(options.seed, kNetworks), s));
  TRY(fit_runs(host.networks, c));
  const auto times = TRY(left_out_times(host.operators, host.networks, options.prior, c));
  std::vector<Sample> all = host.operators.steps;
  all.insert(all.end(), host.networks.steps.begin(), host.networks.steps.end());
  c.families = TRY(fit_families(all, c.rates, options.prior));
  fit_networks(times, c);
  c.shapes = options.shapes + kNetworks;
  c.samples = all.size();
  std::vector<double> spreads;
  for (const Sample& sample : all) spreads.push_back(sample.spread);
  c.noise = median(spreads);
  c.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return host;
}

std::string samples_csv(const HostCalibration& host) {
  std::string text =
      "created,threads,kernels,family,program,op,types,seconds,spread,runs,by_cpu_time\n";
  for (const Samples* samples : {&host.operators, &host.networks})
    for (const Sample& s : samples->steps)
      text += fmt::format("{},{},{},{},{},{},\"{}\",{:.6g},{:.3f},{},{}\n",
                          host.calibration.created, host.calibration.machine.threads,
                          host.calibration.kernels, s.step.family->name, s.program, s.op, s.dims,
                          s.seconds, s.spread, s.runs, int(s.by_cpu_time));
  return text;
}

}  // namespace hone::calibrate
