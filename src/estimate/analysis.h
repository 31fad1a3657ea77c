// What a workload costs on a device: latency, memory, energy, and what they are made of.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "estimate/calibration.h"
#include "estimate/quantity.h"
#include "estimate/workload.h"
#include "hardware/device.h"

namespace hone::estimate {

// What limits a step, or a model.
enum class Bound : uint8_t { compute, cache, memory, overhead };
std::string_view name(Bound bound);
inline constexpr size_t kBounds = 4;

// Of all trips, where a step of a nested graph runs several times.
struct OperatorCost {
  size_t step = 0;  // of the entry graph: that it is, or runs within
  std::string name, op, family;
  double macs = 0, flops = 0, bytes = 0;
  Quantity seconds;
  Bound bound = Bound::compute;
  double trips = 1;
  std::string graph;  // the nested graph; "" of the entry graph
};

// A limit of the device, for plots: operations a second, or bytes a second from a level of memory.
struct Roof {
  std::string name;
  double per_second = 0;
  bool computes = false;
};

struct Analysis {
  std::string device, device_name;
  Quantity latency, throughput, peak_memory;
  // Of a process that runs it with hone on the host; none elsewhere.
  std::optional<Quantity> process_memory;
  std::optional<Quantity> energy;              // none: the device's power is not known
  std::array<double, kBounds> bound_shares{};  // of the time
  Bound bound_by = Bound::compute;
  std::vector<OperatorCost> operators;  // in the order of running
  std::vector<Roof> roofs;              // as far as they are known
  double uncovered = 0;                 // share of steps whose time nobody knows, of all graphs
  std::vector<std::string> unknown;     // their operators, each once
  bool unknown_sizes = false;           // some of these have memory outside the arena
  std::vector<std::string> notes;
};

struct Memory {
  int64_t weights = 0, arena = 0, inputs = 0, outputs = 0, states = 0;
  int64_t nested_arenas = 0;
  int64_t total() const { return weights + arena + inputs + outputs + states + nested_arenas; }
};
Memory memory_of(const Workload& workload);

// By a calibration of the machine that `device` is. `kernels` are those that would run: a
// calibration of others is told in the notes, and counts as interpolated.
Analysis analyze_calibrated(const Workload& workload, const Calibration& calibration,
                            const Device& device, std::string_view kernels, double batch);

// By the figures of the registry and the resources of the device's class. Fails with
// `unsupported_feature` where devices of the class cannot run such a model.
Result<Analysis> analyze_theoretical(const Workload& workload, const Device& device, double batch);

// Steps that are not covered, by their operators: a note tells them, and figures become bounds.
void set_uncovered(Analysis& analysis, const Workload& workload,
                   const std::vector<std::string>& unknown);
// Latency and energy at least, throughput at most, where something is not covered; and the memory.
// For figures that are set anew.
void open_ends(Analysis& analysis);

// What share of the time rests on what. The confidence of the whole is the worst one that a tenth
// of the time or more rests on.
using ConfidenceShares = std::array<double, kConfidences>;
ConfidenceShares confidence_shares(const Analysis& analysis);
Confidence worst_of(const ConfidenceShares& shares);

std::vector<Roof> roofs_of(const Rates& rates);
// Dense peaks and the bandwidth of memory.
std::vector<Roof> roofs_of(const Device& device);

// Steps whose order of time is known, slowest first.
std::vector<const OperatorCost*> slowest(const Analysis& analysis, size_t count);

}  // namespace hone::estimate
