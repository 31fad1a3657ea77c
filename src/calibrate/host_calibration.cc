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
constexpr double kPowerShare = 0.25;    // of the time, where there are counters of energy

std::string now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

void measure_host_power(HostCalibration& host, const CalibrationOptions& options) {
  const auto sensors = measure::find_energy_sensors(options.counters);
  PowerCalibration power = calibrate_power(
      sensors, [&] { return host_power_bench(detect_host(), options.threads); },
      kPowerShare * options.seconds);
  host.calibration.power = std::move(power.fit);
  host.no_power = std::move(power.absent);
}

HostCalibration identified(const CalibrationOptions& options) {
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
  c.shapes = options.shapes + kNetworks;
  return host;
}

// Measures as long as the time allows, fits among it. How long a fit takes is found by one to what
// the first rounds gave, which is the last one where no time is left.
class Session {
 public:
  Session(const CalibrationOptions& options, HostCalibration& host)
      : options_(options), host_(host), end_(begin_ + seconds(options.seconds)) {}

  // Peaks, programs, and a round beside the one of making them: each has two times then.
  Status prepare() {
    {
      ThreadPool pool(options_.threads);
      const measure::MachinePeaks peaks = measure::measure_peaks(pool);
      host_.calibration.rates = {peaks.f32_flops, peaks.int8_ops, peaks.l2_bytes_per_s,
                                 peaks.l3_bytes_per_s, peaks.dram_bytes_per_s};
    }
    measure_host_power(host_, options_);
    const SamplingOptions s = sampling_options(options_, host_.calibration.machine);
    operators_ = TRY(ProgramSampler::make(operator_programs(options_.seed, options_.shapes), s));
    networks_ = TRY(ProgramSampler::make(calibration_networks(options_.seed), s));
    tell();
    TRY(operators_->run_round());
    TRY(networks_->run_round());
    tell();
    return ok();
  }

  Status measure() {
    const auto fit_begin = Clock::now();
    TRY(fit());
    const auto one_fit = Clock::now() - fit_begin;
    // The next one may take somewhat longer, and the program whose turn it is ends its run.
    const auto stop = end_ - one_fit * 3 / 2 - seconds(0.1);
    if (stop > Clock::now()) {
      TRY(run_until(stop));
      TRY(fit());
    }
    host_.calibration.seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    return ok();
  }

 private:
  using Clock = ProgramSampler::Clock;
  static Clock::duration seconds(double s) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
  }

  // Both kinds in turn, so that both find the machine in the same states.
  Status run_until(Clock::time_point stop) {
    constexpr double kTurn = 1;
    while (Clock::now() < stop) {
      const auto turn = Clock::now();
      TRY(operators_->run_until(std::min(stop, turn + seconds(kTurn * (1 - kNetworkShare)))));
      TRY(networks_->run_until(std::min(stop, turn + seconds(kTurn))));
      tell();
    }
    return ok();
  }

  Status fit() {
    host_.operators = operators_->samples();
    host_.networks = networks_->samples();
    host_.calibration.machine = host_machine(detect_host(), options_.threads);
    TRY(choose_last_level(host_, options_.prior));
    return fit_host(host_, options_);
  }

  void tell() const {
    if (options_.progress)
      options_.progress(std::min(
          1.0, std::chrono::duration<double>(Clock::now() - begin_).count() / options_.seconds));
  }

  const CalibrationOptions& options_;
  HostCalibration& host_;
  const Clock::time_point begin_ = Clock::now(), end_;
  std::unique_ptr<ProgramSampler> operators_, networks_;
};

}  // namespace

std::string kernels_of(const Backend& backend) {
  return backend.target() + " " + std::string(kernels::name(kernels::instruction_set()));
}

Result<HostCalibration> calibrate_host(const CalibrationOptions& options) {
  HostCalibration host = identified(options);
  Session session(options, host);
  TRY(session.prepare());
  TRY(session.measure());
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
