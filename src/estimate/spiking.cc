#include "estimate/spiking.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "estimate/families/shapes.h"
#include "estimate/family.h"

namespace hone::estimate {
namespace {

// Times and energies of Loihi are those of a simulation before there was silicon (Davies et al.
// 2018), "the least". Fits to measurements of the chip give 0.6 to 1.8 us for the barrier instead
// of 0.1 to 0.5, and 24 to 36 pJ for a synaptic operation instead of 23.6 (SANA-FE).
constexpr double kTimeHalfWidth = 1.4, kEnergyHalfWidth = 0.7;

constexpr double kCoresOfTile = 4;

double weights_of(const Step& step) {
  double weights = 0;
  for (const Touch& t : step.touches)
    if (t.weights) weights += t.bytes;
  return weights;
}

// Of 8 bits each, whatever form the kernels of the host want them in: those of one output element,
// for each channel.
double synapses_of(const Step& step, const Family& family) {
  const Shape& out = step.out->front().tensor.shape;
  const double channels = family.name == "conv_planes" ? extent_of(out, 1) : last_of(out);
  return step.macs / std::max(1.0, elements_of(*step.out)) * channels;
}

bool multiplies_signals(const Step& step, const Family& family) {
  if (is_one_of(family.name, {"matmul", "attention", "recurrent", "normalization"})) return true;
  return step.macs > 0 && weights_of(step) <= 0 &&
         !is_one_of(family.name, {"pool", "pool_planes", "reduction"});
}

Error not_spiking(const Step& step, const Device& device, std::string_view why) {
  Error error = fail(ErrorId::unsupported_feature,
                     device.id + " cannot run '" + std::string(step.op->name) + "' (" +
                         printable(step.name) + "): " + std::string(why));
  error.hint =
      "convolutions, fully connected layers, pooling and element-wise functions have "
      "equivalents in spikes";
  return error;
}

Result<double> needed(const Device& device, FieldId field) {
  if (const auto value = device.value(field)) return *value;
  Error error =
      fail(ErrorId::unsupported_feature,
           "the registry does not know " + std::string(info(field).name) + " of " + device.id);
  error.hint = "copy the device's file to the user's folder and add it: `hone devices --help`";
  return error;
}

struct Prices {  // of a synaptic operation, an active neuron, an inactive one, a spike, a hop
  double synaptic = 0, active = 0, inactive = 0, spike = 0, hop = 0;
};

Result<Prices> times_of(const Device& d) {
  Prices p;
  p.synaptic = TRY(needed(d, FieldId::time_per_synaptic_operation));
  p.active = TRY(needed(d, FieldId::time_per_neuron_update));
  p.inactive = d.value(FieldId::time_per_inactive_neuron_update).value_or(p.active);
  p.spike = d.value(FieldId::time_per_spike).value_or(0);
  p.hop = d.value(FieldId::time_per_hop).value_or(0);
  return p;
}

std::optional<Prices> energies_of(const Device& d) {
  const auto synaptic = d.value(FieldId::energy_per_synaptic_operation);
  const auto active = d.value(FieldId::energy_per_neuron_update);
  if (!synaptic || !active) return std::nullopt;
  return Prices{
      *synaptic, *active, d.value(FieldId::energy_per_inactive_neuron_update).value_or(*active),
      d.value(FieldId::energy_per_spike).value_or(0), d.value(FieldId::energy_per_hop).value_or(0)};
}

// Mean distance of two tiles of a square mesh.
double mean_hops(const Device& device) {
  const double side = std::sqrt(std::max(1.0, double(device.cores) / kCoresOfTile));
  return 2.0 / 3.0 * (side - 1 / side);
}

SpikingLayer layer_of(const Step& step, size_t index, const Device& device, const Spikes& spikes) {
  SpikingLayer l;
  l.step = index;
  l.neurons = std::max(1.0, elements_of(*step.out));
  // A window of a pool has a synapse for each element.
  const double synapses = step.macs > 0 ? step.macs : step.flops;
  l.synaptic_operations = synapses * spikes.activity;
  const double inputs = synapses / l.neurons;
  l.active = l.neurons * (1 - std::pow(1 - std::min(1.0, spikes.activity), inputs));
  l.spikes = l.neurons * spikes.activity;
  l.weights = synapses_of(step, family_of(step));
  const double capacity = device.value(FieldId::neurons_per_core).value_or(l.neurons);
  const double memory = device.value(FieldId::synapse_memory_per_core).value_or(0);
  l.cores = std::max(ceil_div(l.neurons, capacity), memory > 0 ? ceil_div(l.weights, memory) : 1);
  return l;
}

// Of one core of a layer in a time step.
struct CoreTime {
  double synaptic, rest;
};
CoreTime time_of(const SpikingLayer& l, const Prices& t) {
  return {
      l.synaptic_operations * t.synaptic / l.cores,
      (l.active * t.active + (l.neurons - l.active) * t.inactive + l.spikes * t.spike) / l.cores};
}

// Of all cores of a layer in a time step; its spikes go to each core of the next one.
double energy_of(const SpikingLayer& l, const Prices& e, double next_cores, double hops) {
  return l.synaptic_operations * e.synaptic + l.active * e.active +
         (l.neurons - l.active) * e.inactive + l.spikes * next_cores * (e.spike + hops * e.hop);
}

void tell_of_cores(Analysis& a, const std::vector<SpikingLayer>& layers, const Device& device) {
  double cores = 0;
  for (const SpikingLayer& l : layers) cores += l.cores;
  a.notes.push_back(fmt::format("takes {:.0f} cores; a chip has {}", cores, device.cores));
  if (device.cores > 0 && cores > double(device.cores))
    a.notes.push_back(
        fmt::format("does not fit on one chip: {:.0f} of them, whose links are not in the figures",
                    ceil_div(cores, double(device.cores))));
}

}  // namespace

Result<std::vector<SpikingLayer>> spiking_layers(const Workload& workload, const Device& device,
                                                 const Spikes& spikes) {
  std::vector<SpikingLayer> layers;
  for (size_t i = 0; i < workload.steps.size(); ++i) {
    const Step& step = workload.steps[i];
    if (step.control) return not_spiking(step, device, "it runs graphs of its own");
    if (step.nothing || !step.known) continue;
    const Family& family = family_of(step);
    if (multiplies_signals(step, family))
      return not_spiking(step, device, "it multiplies signals with each other");
    const bool windows = is_one_of(family.name, {"pool", "pool_planes", "reduction"});
    if (step.macs > 0 || windows) layers.push_back(layer_of(step, i, device, spikes));
  }
  return layers;
}

Result<Analysis> analyze_spiking(const Workload& workload, const Device& device,
                                 const Spikes& spikes, double batch) {
  const Prices times = TRY(times_of(device));
  const double barrier = device.value(FieldId::time_per_barrier).value_or(0);
  const auto energies = energies_of(device);
  const auto layers = TRY(spiking_layers(workload, device, spikes));
  Analysis a;
  a.device = device.id;
  a.device_name = device.name;
  const std::string source = "figures of the registry for synaptic operations and neurons";
  // All layers work at once, on cores of their own: a time step is that of the slowest core. Spikes
  // take a step from layer to layer, a hop as long as it takes within the step.
  double slowest = 0, synaptic = 0, joules = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    const SpikingLayer& l = layers[i];
    const CoreTime t = time_of(l, times);
    if (t.synaptic + t.rest > slowest) {
      slowest = t.synaptic + t.rest;
      synaptic = t.synaptic;
    }
    const double next = i + 1 < layers.size() ? layers[i + 1].cores : 1;
    if (energies) joules += energy_of(l, *energies, next, mean_hops(device));
    const Step& step = workload.steps[l.step];
    a.operators.push_back({l.step, step.name, std::string(step.op->name),
                           std::string(family_of(step).name), step.macs, step.flops, 0,
                           Quantity::around(spikes.steps * (t.synaptic + t.rest), kTimeHalfWidth,
                                            Confidence::theoretical, source),
                           t.synaptic >= t.rest ? Bound::compute : Bound::overhead});
  }
  const double one_step = slowest + barrier + mean_hops(device) * times.hop;
  const double all = spikes.steps + std::max(0.0, double(layers.size()) - 1);
  const double seconds = all * one_step;
  a.latency = Quantity::around(seconds, kTimeHalfWidth, Confidence::theoretical, source);
  a.throughput = Quantity::around(batch / std::max(seconds, 1e-12), kTimeHalfWidth,
                                  Confidence::theoretical, source);
  a.bound_shares[size_t(Bound::compute)] = one_step > 0 ? synaptic / one_step : 1;
  a.bound_shares[size_t(Bound::overhead)] = 1 - a.bound_shares[size_t(Bound::compute)];
  a.bound_by = synaptic >= one_step / 2 ? Bound::compute : Bound::overhead;
  double memory = 0;
  for (const SpikingLayer& l : layers) memory += l.weights;
  a.peak_memory = {memory, memory, 2 * memory, Confidence::theoretical,
                   "weights of 8 bits; headers and indices of synapses may double them"};
  if (energies) {
    const double still = device.value(FieldId::idle_power).value_or(0);
    a.energy = Quantity::around(spikes.steps * joules + still * seconds, kEnergyHalfWidth,
                                Confidence::theoretical,
                                still > 0 ? "operations of synapses and neurons, and idle power"
                                          : "operations of synapses and neurons; the idle power is "
                                            "not known");
  }
  a.notes.push_back(fmt::format(
      "as rates of spikes: activity {:g}, {:g} time steps; neither comes from the model",
      spikes.activity, spikes.steps));
  tell_of_cores(a, layers, device);
  set_uncovered(a, workload, workload.unknown);
  return a;
}

}  // namespace hone::estimate
