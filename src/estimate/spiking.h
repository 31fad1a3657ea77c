// Networks as spikes on neuromorphic devices: real activations become rates of spikes over time
// steps, each unit a neuron, each weight a synapse.
#pragma once

#include "base/result.h"
#include "estimate/analysis.h"
#include "estimate/workload.h"
#include "hardware/device.h"

namespace hone::estimate {

// How a network is coded.
struct Spikes {
  double activity = 0.1;  // spikes of a neuron in a time step, mean over neurons
  double steps = 32;      // time steps of an inference
};

// A layer on its cores, in one time step of the whole network.
struct SpikingLayer {
  size_t step = 0;     // of the workload
  double neurons = 0;  // of them `active` have input in a time step
  double active = 0;
  double synaptic_operations = 0;
  double spikes = 0;   // that its neurons send
  double weights = 0;  // of 8 bits
  double cores = 0;
};

// Layers with products or windows; what is element-wise is part of its neurons. Fails with
// `unsupported_feature` where signals are multiplied with each other, which spikes do not do.
Result<std::vector<SpikingLayer>> spiking_layers(const Workload& workload, const Device& device,
                                                 const Spikes& spikes);

// Theoretical always: figures of the registry for what one operation takes. Fails with
// `unsupported_feature` where a time or a limit is not known, naming the field.
Result<Analysis> analyze_spiking(const Workload& workload, const Device& device,
                                 const Spikes& spikes, double batch);

}  // namespace hone::estimate
