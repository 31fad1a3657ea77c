#include "estimate/analysis.h"

#include <algorithm>
#include <numeric>

#include "estimate/energy.h"
#include "estimate/latency.h"
#include "estimate/process_memory.h"

namespace hone::estimate {
namespace {

// Where families have no bound of their own.
constexpr double kNoBound = 0.7;
// Nobody has measured other kernels than those of the calibration.
constexpr double kOtherKernels = 0.4;

Bound largest(const std::array<double, kBounds>& shares) {
  return Bound(std::max_element(shares.begin(), shares.end()) - shares.begin());
}

// Seconds of a step by what it waits for.
std::array<double, kBounds> by_bound(const StepEstimate& e) {
  std::array<double, kBounds> parts{};
  for (size_t i = 0; i < kFeatures; ++i) {
    const Bound bound = i < kMostCounts                                ? Bound::compute
                        : i == kMostCounts + 2 || i == kMostCounts + 4 ? Bound::memory
                        : i < kMostCounts + kTraffic                   ? Bound::cache
                                                                       : Bound::overhead;
    parts[size_t(bound)] += e.parts[i];
  }
  return parts;
}

double bytes_of(const Step& step) {
  double bytes = 0;
  for (const Touch& t : step.touches) bytes += t.bytes;
  return bytes;
}

}  // namespace

std::string_view name(Confidence confidence) {
  switch (confidence) {
    case Confidence::exact: return "exact";
    case Confidence::calibrated: return "calibrated";
    case Confidence::interpolated: return "interpolated";
    case Confidence::theoretical: break;
  }
  return "theoretical";
}

std::string_view name(Bound bound) {
  switch (bound) {
    case Bound::compute: return "compute";
    case Bound::cache: return "cache";
    case Bound::memory: return "memory";
    case Bound::overhead: break;
  }
  return "overhead";
}

Memory memory_of(const Workload& w) {
  return {w.weight_bytes, w.arena_bytes, w.input_bytes,
          w.output_bytes, w.state_bytes, w.nested_arena_bytes};
}

Analysis analyze_calibrated(const Workload& workload, const Calibration& calibration,
                            const Device& device, std::string_view kernels, double batch) {
  Analysis a;
  a.device = device.id;
  a.device_name = device.name;
  const LatencyEstimate latency = estimate_latency(workload, calibration);
  const bool same = calibration.kernels == kernels;
  const Confidence confidence = same ? Confidence::calibrated : Confidence::interpolated;
  const std::string source = "calibration of " + calibration.created + ", " +
                             std::to_string(calibration.machine.threads) +
                             (calibration.machine.threads == 1 ? " thread" : " threads");
  const double extra = same ? 0 : kOtherKernels;
  if (!same)
    a.notes.push_back("the calibration is of the kernels '" + calibration.kernels +
                      "', this hone runs '" + std::string(kernels) + "': run `hone calibrate`");
  std::vector<std::string> unknown;
  std::array<double, kBounds> bounds{};
  size_t at = 0;
  workload.each_step([&](const Step& step, double trips, size_t entry, const NestedRun* nested) {
    const StepEstimate& e = latency.steps[at++];
    if (step.nothing) return;
    if (!e.known) unknown.emplace_back(step.op->name);
    if (!e.known && !step.control) return;
    const auto parts = by_bound(e);
    for (size_t b = 0; b < kBounds; ++b) bounds[b] += trips * parts[b];
    // Who has measured nothing of a family takes it from another machine.
    const bool measured = e.family && !calibration.fit(e.family->name)->residuals.empty();
    a.operators.push_back(
        {entry, step.name, std::string(step.op->name),
         e.family ? std::string(e.family->name) : "control", trips * step.macs, trips * step.flops,
         trips * bytes_of(step),
         Quantity::around(trips * e.seconds, (e.half_width > 0 ? e.half_width : kNoBound) + extra,
                          measured ? confidence : Confidence::interpolated,
                          measured       ? source
                          : step.control ? source + ", by the bytes that are handed on"
                                         : source + ", of a family measured on another machine"),
         largest(parts), trips, nested ? nested->name : std::string()});
  });
  bounds[size_t(Bound::overhead)] += latency.overhead_seconds;
  const double all = std::accumulate(bounds.begin(), bounds.end(), 0.0);
  for (size_t b = 0; b < kBounds && all > 0; ++b) a.bound_shares[b] = bounds[b] / all;
  a.bound_by = largest(a.bound_shares);
  const double half_width =
      (calibration.half_width > 0 ? calibration.half_width * latency.difficulty : kNoBound) + extra;
  if (calibration.half_width <= 0)
    a.notes.emplace_back("the bound of whole models rests on too few networks: not certified");
  a.latency = Quantity::around(latency.seconds, half_width, confidence, source);
  a.latency.confidence = worst_of(confidence_shares(a));
  a.throughput = Quantity::around(batch / std::max(latency.seconds, 1e-12), half_width,
                                  a.latency.confidence, source);
  a.roofs = roofs_of(calibration.rates);
  a.peak_memory = Quantity::exactly(double(memory_of(workload).total()),
                                    "weights as packed, the plan of the arena, inputs, outputs");
  a.process_memory =
      Quantity::around(process_memory(workload, calibration.machine.threads,
                                      double(calibration.machine.tile_columns))
                           .total(),
                       kProcessHalfWidth, Confidence::interpolated,
                       "hone's process as measured, and what the model adds to it, at its most");
  a.energy = energy_of(device, a, calibration.power ? &*calibration.power : nullptr);
  set_uncovered(a, workload, unknown);
  return a;
}

void set_uncovered(Analysis& a, const Workload& workload, const std::vector<std::string>& unknown) {
  a.notes.insert(a.notes.end(), workload.notes.begin(), workload.notes.end());
  if (unknown.empty()) return;
  a.uncovered = double(unknown.size()) / double(std::max<size_t>(1, workload.step_count()));
  a.unknown = unknown;
  std::ranges::sort(a.unknown);
  a.unknown.erase(std::ranges::unique(a.unknown).begin(), a.unknown.end());
  std::string names;
  for (const std::string& name : a.unknown) names += (names.empty() ? "" : ", ") + name;
  a.notes.push_back(std::to_string(unknown.size()) + " of " +
                    std::to_string(workload.step_count()) + " steps are not covered (" + names +
                    "): times and energy are lower bounds");
  a.unknown_sizes = !workload.unknown.empty();
  open_ends(a);
}

void open_ends(Analysis& a) {
  if (a.unknown.empty()) return;
  const auto open = [](Quantity& q) { q = Quantity::at_least(q.value, q.half_width(), q.source); };
  open(a.latency);
  a.throughput =
      Quantity::at_most(a.throughput.value, a.throughput.half_width(), a.throughput.source);
  if (a.energy) open(*a.energy);
  // Steps whose sizes only the data decide have their memory outside the arena.
  if (!a.unknown_sizes) return;
  open(a.peak_memory);
  if (a.process_memory) open(*a.process_memory);
}

ConfidenceShares confidence_shares(const Analysis& analysis) {
  ConfidenceShares shares{};
  double all = 0;
  for (const OperatorCost& o : analysis.operators) {
    shares[size_t(o.seconds.confidence)] += o.seconds.value;
    all += o.seconds.value;
  }
  if (all <= 0) {
    shares[size_t(analysis.latency.confidence)] = 1;
    return shares;
  }
  for (double& share : shares) share /= all;
  return shares;
}

Confidence worst_of(const ConfidenceShares& shares) {
  constexpr double kCounts = 0.1;
  for (size_t c = kConfidences; c-- > 0;)
    if (shares[c] >= kCounts) return Confidence(c);
  return Confidence::theoretical;
}

std::vector<Roof> roofs_of(const Rates& rates) {
  std::vector<Roof> roofs;
  const auto add = [&](std::string name, double rate, bool computes) {
    if (rate > 0) roofs.push_back({std::move(name), rate, computes});
  };
  add("32-bit floats", rates.f32_flops, true);
  add("8-bit integers", rates.int8_ops, true);
  add("second-level cache", rates.l2_bytes_per_s, false);
  add("third-level cache", rates.l3_bytes_per_s, false);
  add("memory", rates.dram_bytes_per_s, false);
  return roofs;
}

std::vector<Roof> roofs_of(const Device& device) {
  std::vector<Roof> roofs;
  for (const auto& [field, name] :
       {std::pair{FieldId::peak_fp32, "32-bit floats"},
        std::pair{FieldId::peak_fp16, "16-bit floats"}, std::pair{FieldId::peak_bf16, "bf16"},
        std::pair{FieldId::peak_int8, "8-bit integers"}})
    if (const auto peak = device.dense(field)) roofs.push_back({name, *peak, true});
  if (const auto bandwidth = device.value(FieldId::memory_bandwidth))
    roofs.push_back({"memory", *bandwidth, false});
  return roofs;
}

std::vector<const OperatorCost*> slowest(const Analysis& analysis, size_t count) {
  std::vector<const OperatorCost*> all;
  for (const OperatorCost& o : analysis.operators) all.push_back(&o);
  std::ranges::stable_sort(all, std::greater<>(),
                           [](const OperatorCost* o) { return o->seconds.value; });
  if (all.size() > count) all.resize(count);
  return all;
}

}  // namespace hone::estimate
