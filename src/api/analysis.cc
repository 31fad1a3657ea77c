#include "api/analysis.h"

#include <algorithm>
#include <cmath>

#include "backends/backends.h"
#include "base/thread_pool.h"
#include "calibrate/calibrations.h"
#include "calibrate/host_calibration.h"
#include "calibrate/host_machine.h"
#include "estimate/energy.h"
#include "estimate/interpolation.h"
#include "estimate/mapping.h"
#include "hardware/host.h"

namespace hone {
namespace {

// Of another machine: the pace of this one is not known.
constexpr double kOtherMachine = 0.8;

std::string threads_text(int threads) {
  return std::to_string(threads) + (threads == 1 ? " thread" : " threads");
}

// What an analysis says when its calibration is not of this machine.
void set_of_another_machine(estimate::Analysis& a, const Device& device,
                            const std::string& source) {
  const double factor = std::exp(kOtherMachine);
  const auto widen = [&](estimate::Quantity& q) {
    q.low = std::min(q.low, q.value / factor);
    q.high = std::max(q.high, q.value * factor);
    q.confidence = std::max(q.confidence, estimate::Confidence::interpolated);
    q.source = source;
  };
  widen(a.latency);
  widen(a.throughput);
  for (estimate::OperatorCost& o : a.operators) widen(o.seconds);
  a.energy = estimate::energy_of(device, a);
}

// By the file that is given, with the threads that it was made for.
Result<estimate::Analysis> by_given(const OpenedWorkload& opened, Device device, const Host& host,
                                    double batch, const AnalysisOptions& options,
                                    const std::string& kernels) {
  const auto given = TRY(calibrate::read_calibration(options.calibration, options.limits));
  device.threads = given.machine.threads;
  estimate::Analysis a = estimate::analyze_calibrated(opened.work, given, device, kernels, batch);
  if (given.fingerprint != cpu_fingerprint(host)) {
    set_of_another_machine(a, device, "calibration of another machine (" + given.cpu + ")");
    a.notes.push_back("the calibration is of another machine: " +
                      (given.cpu.empty() ? given.device : given.cpu));
  }
  if (options.threads > 0 && options.threads != given.machine.threads)
    a.notes.push_back("the calibration is of " + threads_text(given.machine.threads) + ", not of " +
                      std::to_string(options.threads));
  return a;
}

Result<estimate::Analysis> on_host(const OpenedWorkload& opened, Device device, double batch,
                                   const AnalysisOptions& options) {
  const Host host = detect_host();
  const std::string kernels = calibrate::kernels_of(cpu_backend());
  if (!options.calibration.empty())
    return by_given(opened, std::move(device), host, batch, options, kernels);
  const int threads = options.threads > 0 ? options.threads : ThreadPool::usable_cpus();
  device.threads = threads;
  const auto own = TRY(calibrate::calibration_of(cpu_fingerprint(host), threads, options.limits));
  if (own) return estimate::analyze_calibrated(opened.work, *own, device, kernels, batch);
  const estimate::Machine machine = calibrate::host_machine(host, threads);
  auto prior = TRY(calibrate::prior_for(machine.vector, threads));
  if (!prior)
    return fail(ErrorId::unavailable,
                "there is no calibration of this machine: run `hone calibrate`");
  prior->machine = machine;
  prior->half_width = 0;
  prior->power.reset();
  estimate::Analysis a = estimate::analyze_calibrated(opened.work, *prior, device, kernels, batch);
  set_of_another_machine(a, device, "calibration of another machine (" + prior->cpu + ")");
  a.notes.insert(a.notes.begin(), "this machine is not calibrated for " + threads_text(threads) +
                                      ": run `hone calibrate`");
  return a;
}

// By the calibration of the CPU that is most like it; none where no calibrated one is like it, or
// the registry knows too little to rescale by.
Result<std::optional<estimate::Analysis>> near_calibrated(const OpenedWorkload& opened,
                                                          const Device& device, int threads,
                                                          double batch, const Limits& limits) {
  const auto calibration = TRY(calibrate::nearest_calibration(device, threads, limits));
  if (!calibration) return std::optional<estimate::Analysis>();
  auto analysis = estimate::analyze_interpolated(opened.work, *calibration, device, threads, batch);
  if (!analysis) return std::optional<estimate::Analysis>();
  return std::optional(analysis.take());
}

Result<estimate::Analysis> on_cpu(const OpenedWorkload& opened, const Device& device, double batch,
                                  const AnalysisOptions& options) {
  const int threads = options.threads;
  if (threads > 0 && device.cores > 0 && threads > device.cores) {
    Error error = fail(ErrorId::usage, device.id + " has " + std::to_string(device.cores) +
                                           " cores, not " + std::to_string(threads));
    error.hint = "leave --threads out for all of them";
    return error;
  }
  const int used = threads > 0 ? threads : int(std::max<int64_t>(1, device.cores));
  auto near = TRY(near_calibrated(opened, device, used, batch, options.limits));
  if (near) return std::move(*near);
  estimate::Analysis a =
      TRY(estimate::analyze_theoretical(opened.work, estimate::part_of(device, used), batch));
  if (used < device.cores) a.notes.push_back(estimate::cores_note(device, used));
  return a;
}

}  // namespace

Result<estimate::Analysis> analyze_on(const OpenedWorkload& opened, const DeviceRegistry& registry,
                                      const std::string& name, double batch,
                                      const AnalysisOptions& options) {
  const Device device = TRY(registry.find(name));
  if (device.id == "host") return on_host(opened, device, batch, options);
  if (device.device_class == DeviceClass::neuromorphic)
    return estimate::analyze_spiking(opened.work, device, options.spikes, batch);
  estimate::Analysis a = TRY(device.device_class == DeviceClass::cpu
                                 ? on_cpu(opened, device, batch, options)
                                 : estimate::analyze_theoretical(opened.work, device, batch));
  a.roofs = estimate::roofs_of(device);
  return a;
}

}  // namespace hone
