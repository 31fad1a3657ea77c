// Networks as rates of spikes on neuromorphic devices.
#include "estimate/spiking.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "hardware/registry.h"
#include "support/programs.h"

namespace hone::estimate {
namespace {

using testing::inputs_of;
using testing::types_of;

Device device_of(const std::string& id) { return DeviceRegistry("").find(id).take(); }

Workload workload_of(std::string_view text) {
  const auto program = testing::lowered_program_of(text);
  return estimate::workload_of(program, types_of(inputs_of(*program)), {}).take();
}

// One layer of 512 neurons with 256 inputs each, and one of 16.
constexpr std::string_view kDense = R"(graph main(x: f32[1,256]) -> (y) {
  h = relu(matmul(x, expand(f32{0.5}, i64[2]{256, 512})))
  y = matmul(h, expand(f32{0.5}, i64[2]{512, 16}))
})";

TEST(Spiking, CountsOperations) {
  const Workload work = workload_of(kDense);
  const auto layers = spiking_layers(work, device_of("intel_loihi_1"), {0.25, 10});
  ASSERT_TRUE(layers.ok()) << describe(layers.error());
  ASSERT_EQ(layers->size(), 2u);
  const SpikingLayer& first = (*layers)[0];
  EXPECT_EQ(first.neurons, 512);
  EXPECT_EQ(first.weights, 256 * 512);
  EXPECT_EQ(first.synaptic_operations, 0.25 * 256 * 512);
  EXPECT_EQ(first.spikes, 0.25 * 512);
  // With so many inputs, nearly all neurons have one.
  EXPECT_NEAR(first.active, 512, 1e-9);
  EXPECT_EQ(first.cores, 1);  // 1024 neurons, and 128 KiB: just so
  EXPECT_EQ((*layers)[1].neurons, 16);
}

TEST(Spiking, CoresByNeuronsAndByWeights) {
  const Workload work = workload_of(kDense);
  Device device = device_of("intel_loihi_1");
  device[FieldId::neurons_per_core]->value = 100;
  EXPECT_EQ((*spiking_layers(work, device, {}))[0].cores, 6);
  device[FieldId::synapse_memory_per_core]->value = 1000;
  EXPECT_EQ((*spiking_layers(work, device, {}))[0].cores, 132);
  device.cores = 100;
  const auto a = analyze_spiking(work, device, {}, 1);
  ASSERT_TRUE(a.ok());
  bool told = false;
  for (const std::string& note : a->notes) told |= note.find("does not fit") != std::string::npos;
  EXPECT_TRUE(told);
}

TEST(Spiking, ATimeStepIsThatOfTheSlowestCore) {
  const Workload work = workload_of(kDense);
  Device device = device_of("intel_loihi_1");
  for (const FieldId free : {FieldId::time_per_neuron_update, FieldId::time_per_spike,
                             FieldId::time_per_inactive_neuron_update, FieldId::time_per_hop})
    device[free]->value = 0;
  device[FieldId::time_per_synaptic_operation]->value = 1e-9;
  device[FieldId::time_per_barrier]->value = 1e-6;
  const auto a = analyze_spiking(work, device, {0.5, 10}, 1);
  ASSERT_TRUE(a.ok()) << describe(a.error());
  // Ten steps, and one until the second layer has seen the last.
  const double step = 0.5 * 256 * 512 * 1e-9 + 1e-6;
  EXPECT_NEAR(a->latency.value, 11 * step, 1e-12);
  EXPECT_EQ(a->bound_by, Bound::compute);
  EXPECT_NEAR(std::accumulate(a->bound_shares.begin(), a->bound_shares.end(), 0.0), 1, 1e-12);
  EXPECT_EQ(a->operators.size(), 2u);
}

TEST(Spiking, EnergyIsThatOfEvents) {
  const Workload work = workload_of(kDense);
  Device device = device_of("intel_loihi_1");
  for (const FieldId free :
       {FieldId::energy_per_neuron_update, FieldId::energy_per_inactive_neuron_update,
        FieldId::energy_per_spike, FieldId::energy_per_hop})
    device[free]->value = 0;
  device[FieldId::energy_per_synaptic_operation]->value = 20e-12;
  auto a = analyze_spiking(work, device, {0.5, 10}, 1);
  ASSERT_TRUE(a.ok() && a->energy);
  EXPECT_NEAR(a->energy->value, 10 * 0.5 * (256 * 512 + 512 * 16) * 20e-12, 1e-15);
  EXPECT_EQ(a->energy->confidence, Confidence::theoretical);
  EXPECT_LT(a->energy->low, a->energy->value);
  EXPECT_NE(a->energy->source.find("idle power is not known"), std::string::npos);
  device[FieldId::idle_power] = {.value = 0.1};
  const auto idle = analyze_spiking(work, device, {0.5, 10}, 1);
  EXPECT_NEAR(idle->energy->value - a->energy->value, 0.1 * idle->latency.value, 1e-12);
  device[FieldId::energy_per_synaptic_operation].reset();
  EXPECT_FALSE(analyze_spiking(work, device, {0.5, 10}, 1)->energy);
}

TEST(Spiking, MoreSpikesAndStepsTakeMore) {
  const Workload work = workload_of(kDense);
  const Device device = device_of("intel_loihi_1");
  const auto a = analyze_spiking(work, device, {0.1, 32}, 1);
  const auto busier = analyze_spiking(work, device, {0.2, 32}, 1);
  const auto longer = analyze_spiking(work, device, {0.1, 64}, 1);
  ASSERT_TRUE(a.ok() && busier.ok() && longer.ok());
  EXPECT_GT(busier->latency.value, a->latency.value);
  EXPECT_GT(busier->energy->value, a->energy->value);
  EXPECT_NEAR(longer->energy->value, 2 * a->energy->value, 1e-12);
}

TEST(Spiking, WhatIsNotPublishedIsNamed) {
  const auto a = analyze_spiking(workload_of(kDense), device_of("intel_loihi_2"), {}, 1);
  ASSERT_FALSE(a.ok());
  EXPECT_EQ(a.error().id, ErrorId::unsupported_feature);
  EXPECT_NE(describe(a.error()).find("time_per_synaptic_operation"), std::string::npos);
  EXPECT_FALSE(a.error().hint.empty());
}

TEST(Spiking, SignalsAreNotMultiplied) {
  const Workload work =
      workload_of("graph main(x: f32[4,8], y: f32[8,4]) -> (z) { z = matmul(x, y) }");
  const auto a = analyze_spiking(work, device_of("intel_loihi_1"), {}, 1);
  ASSERT_FALSE(a.ok());
  EXPECT_NE(describe(a.error()).find("multiplies signals"), std::string::npos);
}

}  // namespace
}  // namespace hone::estimate
