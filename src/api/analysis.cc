#include "api/analysis.h"

#include <algorithm>
#include <cmath>

#include "backends/backends.h"
#include "base/thread_pool.h"
#include "calibrate/calibrations.h"
#include "calibrate/host_calibration.h"
#include "calibrate/host_machine.h"
#include "estimate/interpolation.h"
#include "estimate/mapping.h"
#include "hardware/host.h"

namespace hone {
namespace {

// Without a calibration of this machine: the kernels are those of the prior, the pace is not known.
constexpr double kOtherMachine = 0.8;

Result<estimate::Analysis> on_host(const OpenedWorkload& opened, const Device& device, double batch,
                                   const AnalysisOptions& options) {
  const Host host = detect_host();
  const int threads = options.threads > 0 ? options.threads : ThreadPool::usable_cpus();
  const std::string kernels = calibrate::kernels_of(cpu_backend());
  if (!options.calibration.empty()) {
    const auto given = TRY(calibrate::read_calibration(options.calibration));
    estimate::Analysis a = estimate::analyze_calibrated(opened.work, given, device, kernels, batch);
    if (options.threads > 0 && options.threads != given.machine.threads)
      a.notes.push_back("the calibration is of " + std::to_string(given.machine.threads) +
                        " threads, not of " + std::to_string(options.threads));
    return a;
  }
  const auto own = TRY(calibrate::calibration_of(cpu_fingerprint(host), threads));
  if (own) return estimate::analyze_calibrated(opened.work, *own, device, kernels, batch);
  const estimate::Machine machine = calibrate::host_machine(host, threads);
  auto prior = TRY(calibrate::prior_for(machine.vector));
  if (!prior)
    return fail(ErrorId::unavailable,
                "there is no calibration of this machine: run `hone calibrate`");
  prior->machine = machine;
  prior->half_width = 0;
  for (auto& family : prior->families)
    family.half_width = std::max(family.half_width, kOtherMachine);
  const std::string cpu = prior->cpu;
  prior->kernels = kernels;
  estimate::Analysis a = estimate::analyze_calibrated(opened.work, *prior, device, kernels, batch);
  const std::string source = "calibration of another machine (" + cpu + ")";
  for (estimate::Quantity* q : {&a.latency, &a.throughput})
    q->put_around(kOtherMachine, estimate::Confidence::interpolated, source);
  for (auto& o : a.operators) {
    o.seconds.confidence = estimate::Confidence::interpolated;
    o.seconds.source = source;
  }
  a.notes.insert(a.notes.begin(), "this machine is not calibrated for " + std::to_string(threads) +
                                      " threads: run `hone calibrate`");
  return a;
}

// By the calibration of the CPU that is most like it; none where no calibrated one is like it, or
// the registry knows too little to rescale by.
Result<std::optional<estimate::Analysis>> near_calibrated(const OpenedWorkload& opened,
                                                          const Device& device, int threads,
                                                          double batch) {
  const auto calibration = TRY(calibrate::nearest_calibration(device, threads));
  if (!calibration) return std::optional<estimate::Analysis>();
  auto analysis = estimate::analyze_interpolated(opened.work, *calibration, device, threads, batch);
  if (!analysis) return std::optional<estimate::Analysis>();
  return std::optional(analysis.take());
}

Result<estimate::Analysis> on_cpu(const OpenedWorkload& opened, const Device& device, double batch,
                                  int threads) {
  if (threads > 0 && device.cores > 0 && threads > device.cores) {
    Error error = fail(ErrorId::usage, device.id + " has " + std::to_string(device.cores) +
                                           " cores, not " + std::to_string(threads));
    error.hint = "leave --threads out for all of them";
    return error;
  }
  const int used = threads > 0 ? threads : int(std::max<int64_t>(1, device.cores));
  auto near = TRY(near_calibrated(opened, device, used, batch));
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
                                 ? on_cpu(opened, device, batch, options.threads)
                                 : estimate::analyze_theoretical(opened.work, device, batch));
  a.roofs = estimate::roofs_of(device);
  return a;
}

}  // namespace hone
