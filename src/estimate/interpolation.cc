#include "estimate/interpolation.h"

#include <algorithm>
#include <cmath>

#include "estimate/energy.h"
#include "estimate/mapping.h"

namespace hone::estimate {
namespace {

// Streams reach 0.68 to 0.85 of the bandwidth that vendors give (Habitat, devices.yml: P100, T4,
// V100, RTX 2080 Ti).
constexpr double kStreamShare = 0.78;

// ln(measured / estimated) at 90 % where one published device is rescaled to another of the same
// instruction set and engine: written by tools/fit_classes.py.
constexpr struct {
  double half_width;
  int devices;
} kTransfer[] = {
#define CLASS_PRIOR(...)
#define TRANSFER(name, half_width, devices) {half_width, devices},
#include "estimate/class_priors.def"
#undef TRANSFER
#undef CLASS_PRIOR
};

bool has(const Device& device, std::string_view set) {
  return std::ranges::find(device.isa, set) != device.isa.end();
}
bool says(const Calibration& c, std::string_view word) {
  return c.fingerprint.find(word) != std::string::npos;
}
bool is_x86(const Calibration& c) { return says(c, "GenuineIntel") || says(c, "AuthenticAMD"); }

// What a core of the calibrated CPU does in a cycle at most, in 32 bits: Zen 4 passes vectors of
// 512 bits in two halves, Zen 5 and Intel's server cores in one, two at a time (hardware/
// architectures.def).
double flops_per_cycle(const Calibration& c) {
  const bool wide = says(c, " avx512f");
  if (says(c, "AuthenticAMD 25 ")) return 32;
  if (wide) return 64;
  return says(c, " avx2") ? 32 : 16;
}

Error lacks(const Device& device, std::string_view field) {
  Error error = fail(ErrorId::unsupported_feature,
                     "the registry does not know " + std::string(field) + " of " + device.id);
  error.hint = "`hone devices " + device.id + "` shows what it knows";
  return error;
}

// Ratios of seconds: of the device over the calibrated CPU, for one core.
struct Ratios {
  double floats = 1, bytes = 1;  // of what is computed
  double clock = 1;              // of caches, and of what steps cost
  double memory = 1;             // of bytes that are read from memory
};

Result<Ratios> ratios_of(const Calibration& c, const Device& device, int threads) {
  const auto peak = device.dense(FieldId::peak_fp32);
  const auto clock = device.value(FieldId::clock_peak);
  const auto bandwidth = device.value(FieldId::memory_bandwidth);
  if (!peak) return lacks(device, "peak_fp32");
  if (!clock) return lacks(device, "clock_peak");
  if (!bandwidth) return lacks(device, "memory_bandwidth");
  if (device.cores <= 0) return lacks(device, "cores");
  if (c.rates.f32_flops <= 0 || c.rates.int8_ops <= 0 || c.rates.dram_bytes_per_s <= 0)
    return fail(ErrorId::unsupported_feature, "the calibration has no peaks to be rescaled by");
  const auto of = double(std::max(1, c.machine.threads)), cores = double(device.cores);
  const double flops = c.rates.f32_flops / of;
  Ratios r;
  r.floats = flops / (*peak / cores);
  const auto int8 = device.dense(FieldId::peak_int8);
  r.bytes = int8 ? c.rates.int8_ops / of / (*int8 / cores) : r.floats;
  r.clock = flops / flops_per_cycle(c) / *clock;
  // One core draws no more than the calibrated one did at its clock; all share what memory gives.
  const double one = c.rates.dram_bytes_per_s / of;
  const double share = kStreamShare * *bandwidth / threads;
  r.memory = one / std::min(share, of > 1 ? share : one / r.clock);
  return r;
}

bool computes_bytes(std::string_view family) {
  return family.starts_with("quantized_") || family.starts_with("block_");
}

void rescale(FamilyFit& fit, const Ratios& r) {
  const double work = computes_bytes(fit.family) ? r.bytes : r.floats;
  for (size_t i = 0; i < kFeatures; ++i) {
    const bool memory = i == kMostCounts + 2 || i == kMostCounts + 4;
    fit.coefficients[i] *= i < kMostCounts ? work : memory ? r.memory : r.clock;
  }
}

}  // namespace

int likeness(const Calibration& c, const Device& device, int threads) {
  if (device.device_class != DeviceClass::cpu || !is_x86(c) || c.rates.f32_flops <= 0) return 0;
  if (!has(device, "avx2") && !has(device, "avx512f")) return 0;
  const bool same_width = has(device, "avx512f") == says(c, " avx512f");
  const bool same_threads = (threads > 1) == (c.machine.threads > 1);
  return 1 + (same_width ? 2 : 0) + (same_threads ? 1 : 0);
}

Result<Calibration> rescaled(const Calibration& calibration, const Device& device, int threads) {
  const Ratios ratios = TRY(ratios_of(calibration, device, threads));
  Calibration c = calibration;
  for (FamilyFit& fit : c.families) rescale(fit, ratios);
  c.step_seconds *= ratios.clock;
  c.run_seconds *= ratios.clock;
  c.device = device.id;
  c.power.reset();
  const auto cores = double(device.cores);
  c.machine.threads = threads;
  const Machine& was = calibration.machine;
  c.machine.l1_bytes = device.value(FieldId::l1_per_core).value_or(was.l1_bytes);
  if (const auto l2 = device.value(FieldId::l2_total)) c.machine.l2_bytes = *l2 / cores;
  // Without a third level, what lies beyond the second lies in memory.
  c.machine.l3_bytes = std::max(device.value(FieldId::l3_total).value_or(0), c.machine.l2_bytes);
  return c;
}

Result<Analysis> analyze_interpolated(const Workload& workload, const Calibration& calibration,
                                      const Device& device, int threads, double batch) {
  const Calibration c = TRY(rescaled(calibration, device, threads));
  Analysis a = analyze_calibrated(workload, c, device, c.kernels, batch);
  const std::string source = "calibration of " + calibration.cpu + " of " + calibration.created +
                             ", rescaled to " + device.name +
                             " by peaks, memory bandwidth and clocks";
  const auto widen = [&](Quantity& q) {
    q.put_around(std::hypot(q.half_width(), kTransfer[0].half_width), Confidence::interpolated,
                 source);
  };
  widen(a.latency);
  widen(a.throughput);
  for (OperatorCost& o : a.operators) widen(o.seconds);
  set_foreign_memory(a, workload, device);
  a.process_memory.reset();  // of the host alone
  a.notes.push_back(cores_note(device, threads));
  a.energy = energy_of(part_of(device, threads), a);
  open_ends(a);
  return a;
}

}  // namespace hone::estimate
