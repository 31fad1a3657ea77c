#include "calibrate/host_calibration.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>

#include "base/process.h"
#include "calibrate/host_fit.h"
#include "calibrate/host_machine.h"
#include "calibrate/power.h"
#include "calibrate/power_bench.h"
#include "hardware/host.h"
#include "kernels/instruction_set.h"
#include "measure/energy.h"
#include "measure/machine_peaks.h"

namespace hone::calibrate {
namespace {

using estimate::Calibration;

constexpr double kNetworkShare = 0.35;  // of measuring
constexpr double kMeasuring = 0.82;
constexpr double kPowerShare = 0.25;  // of the time, where there are counters of energy

std::string now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

// Seconds that it took.
double measure_host_power(HostCalibration& host, const Host& machine,
                          const CalibrationOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const auto sensors = measure::find_energy_sensors(options.counters);
  PowerCalibration power = calibrate_power(
      sensors, [&] { return host_power_bench(machine, options.threads); },
      kPowerShare * options.seconds);
  host.calibration.power = std::move(power.fit);
  host.no_power = std::move(power.absent);
  return seconds_since(begin);
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
  const double left = options.seconds - measure_host_power(host, machine, options);
  SamplingOptions s = sampling_options(options, c.machine);
  // Fits, and what machines can do at best, take the rest of the time.
  const double seconds = kMeasuring * left;
  s.seconds = seconds * (1 - kNetworkShare);
  if (options.progress)
    s.progress = [&](double done) { options.progress(done * (1 - kNetworkShare)); };
  host.operators = TRY(sample(operator_programs(options.seed, options.shapes), s));
  s.seconds = seconds * kNetworkShare;
  if (options.progress)
    s.progress = [&](double done) { options.progress(1 - kNetworkShare * (1 - done)); };
  host.networks = TRY(sample(network_programs(options.seed, kNetworks), s));
  c.shapes = options.shapes + kNetworks;
  TRY(choose_last_level(host, options.prior));
  TRY(fit_host(host, options));
  c.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return host;
}

std::string samples_csv(const HostCalibration& host) {
  std::string text =
      "created,threads,kernels,family,program,step,op,types,seconds,spread,runs,by_cpu_time\n";
  const Calibration& c = host.calibration;
  const auto line = [&](std::string_view family, const std::string& program, std::string_view step,
                        const std::string& op, const std::string& types, double seconds,
                        double spread, size_t runs, bool by_cpu_time) {
    text +=
        csv_line({c.created, std::to_string(c.machine.threads), c.kernels, std::string(family),
                  program, std::string(step), op, types, fmt::format("{:.6g}", seconds),
                  fmt::format("{:.3f}", spread), std::to_string(runs), by_cpu_time ? "1" : "0"});
  };
  for (const Samples* samples : {&host.operators, &host.networks}) {
    for (const Sample& s : samples->steps)
      line(s.step.family->name, s.program, std::to_string(s.index), s.op, s.dims, s.seconds,
           s.spread, s.runs, s.by_cpu_time);
    for (const RunSample& r : samples->runs) {
      line("", r.program, kWholeRun, "", "", r.seconds, 0, 0, false);
      line("", r.program, kSumOfSteps, "", "", r.step_seconds, 0, 0, false);
    }
  }
  return text;
}

}  // namespace hone::calibrate
