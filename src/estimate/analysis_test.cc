// Analyses of small models on devices of every class, and by made-up calibrations.
#include "estimate/analysis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "estimate/energy.h"
#include "estimate/mapping.h"
#include "hardware/registry.h"
#include "support/programs.h"

namespace hone::estimate {
namespace {

using testing::inputs_of;
using testing::types_of;

Device device_of(const std::string& id) {
  auto device = DeviceRegistry("").find(id);
  EXPECT_TRUE(device.ok()) << describe(device.error());
  return device ? device.take() : Device();
}

const Workload& network() {
  static const Workload work = [] {
    const auto program = testing::lowered_program_of(testing::kNetworks[0]);
    return workload_of(program, types_of(inputs_of(*program)), {}).take();
  }();
  return work;
}

void expect_interval(const Quantity& q) {
  EXPECT_TRUE(std::isfinite(q.value) && std::isfinite(q.low) && std::isfinite(q.high));
  EXPECT_GT(q.low, 0);
  EXPECT_LE(q.low, q.value);
  EXPECT_LE(q.value, q.high);
  EXPECT_FALSE(q.source.empty());
}

double sum_of(const std::array<double, kBounds>& shares) {
  return std::accumulate(shares.begin(), shares.end(), 0.0);
}

TEST(Quantities, Intervals) {
  const Quantity exact = Quantity::exactly(5, "counted");
  EXPECT_EQ(exact.low, 5);
  EXPECT_EQ(exact.high, 5);
  EXPECT_EQ(name(exact.confidence), "exact");
  const Quantity around = Quantity::around(8, std::log(2), Confidence::calibrated, "");
  EXPECT_NEAR(around.low, 4, 1e-12);
  EXPECT_NEAR(around.high, 16, 1e-12);
  EXPECT_TRUE(around.overlaps(exact));
  EXPECT_FALSE(around.overlaps(Quantity::exactly(17, "")));
}

TEST(Theoretical, OfEachClass) {
  for (const char* id : {"raspberry_pi_5", "nvidia_t4", "st_stm32h743", "google_tpu_v4",
                         "google_coral_edge_tpu", "nvidia_jetson_orin_nano_8gb"}) {
    SCOPED_TRACE(id);
    const Device device = device_of(id);
    const auto a = analyze_theoretical(network(), device, 1);
    ASSERT_TRUE(a.ok()) << describe(a.error());
    EXPECT_EQ(a->device, id);
    expect_interval(a->latency);
    expect_interval(a->throughput);
    EXPECT_EQ(a->latency.confidence, Confidence::theoretical);
    EXPECT_NEAR(a->throughput.value * a->latency.value, 1, 1e-9);
    EXPECT_GE(a->peak_memory.value, double(network().arena_bytes));
    EXPECT_LE(a->peak_memory.low, a->peak_memory.high);
    EXPECT_EQ(a->uncovered, 0);
    EXPECT_FALSE(a->operators.empty());
    double seconds = 0;
    for (const OperatorCost& o : a->operators) {
      expect_interval(o.seconds);
      EXPECT_LT(o.step, network().steps.size());
      seconds += o.seconds.value;
    }
    const double run = prior_of(device)->run;
    EXPECT_NEAR(seconds + run, a->latency.value, 1e-9 * a->latency.value);
    EXPECT_NEAR(sum_of(a->bound_shares), 1, 1e-9);
    if (a->energy) expect_interval(*a->energy);
  }
}

// Each device gives an estimate, or says which figure is missing.
TEST(Theoretical, OfTheWholeRegistry) {
  size_t estimated = 0;
  for (const Device& device : DeviceRegistry("").all().devices) {
    SCOPED_TRACE(device.id);
    const auto a = analyze_theoretical(network(), device, 1);
    if (!a.ok()) {
      EXPECT_EQ(a.error().id, ErrorId::unsupported_feature);
      EXPECT_FALSE(a.error().hint.empty());
      continue;
    }
    expect_interval(a->latency);
    ++estimated;
  }
  EXPECT_GE(estimated, 40u);
}

TEST(Theoretical, NotOfSpikingDevices) {
  for (const char* id : {"intel_loihi_1", "intel_loihi_2"}) {
    const auto a = analyze_theoretical(network(), device_of(id), 1);
    ASSERT_FALSE(a.ok());
    EXPECT_EQ(a.error().id, ErrorId::unsupported_feature);
    EXPECT_NE(describe(a.error()).find(id), std::string::npos);
    EXPECT_FALSE(a.error().hint.empty());
  }
}

TEST(Theoretical, AMissingFigureIsNamed) {
  Device device = device_of("nvidia_t4");
  device[FieldId::memory_bandwidth].reset();
  const auto a = analyze_theoretical(network(), device, 1);
  ASSERT_FALSE(a.ok());
  EXPECT_NE(describe(a.error()).find("memory_bandwidth"), std::string::npos);
}

TEST(Theoretical, FasterFiguresAreNotSlower) {
  const Device slow = device_of("raspberry_pi_5");
  Device fast = slow;
  for (const FieldId field : {FieldId::peak_fp32, FieldId::memory_bandwidth})
    fast[field]->value *= 2;
  const auto a = analyze_theoretical(network(), slow, 1),
             b = analyze_theoretical(network(), fast, 1);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_LT(b->latency.value, a->latency.value);
  EXPECT_GT(b->throughput.value, a->throughput.value);
}

TEST(Theoretical, TooLittleMemoryIsNoted) {
  Device device = device_of("st_stm32h743");
  device[FieldId::memory_capacity] = {.value = 1024};
  const auto a = analyze_theoretical(network(), device, 1);
  ASSERT_TRUE(a.ok());
  ASSERT_EQ(a->notes.size(), 1u);
  EXPECT_NE(a->notes[0].find("does not fit"), std::string::npos);
}

Calibration made_up() {
  Calibration c;
  c.kernels = "cpu 1";
  c.created = "2020-01-01T00:00:00Z";
  for (const Family* family : families()) {
    FamilyFit fit;
    fit.family = family->name;
    fit.coefficients.fill(1e-10);
    fit.coefficients[kFeatures - 1] = 1e-6;
    fit.half_width = 0.2;
    fit.residuals.resize(1);  // it was measured
    c.families.push_back(fit);
  }
  c.half_width = 2;
  return c;
}

TEST(Calibrated, KnowsItsKernels) {
  const Calibration c = made_up();
  const Device device = device_of("raspberry_pi_5");
  const Analysis same = analyze_calibrated(network(), c, device, "cpu 1", 4);
  EXPECT_EQ(same.latency.confidence, Confidence::calibrated);
  EXPECT_TRUE(same.notes.empty());
  // The bound is in units of the difficulty, which is at least 3 %.
  EXPECT_NEAR(std::log(same.latency.high / same.latency.value), 2 * 0.03, 1e-9);
  EXPECT_NEAR(same.throughput.value * same.latency.value, 4, 1e-9);
  EXPECT_EQ(same.peak_memory.confidence, Confidence::exact);
  EXPECT_EQ(same.peak_memory.value, double(memory_of(network()).total()));
  EXPECT_EQ(same.uncovered, 0);
  EXPECT_NEAR(sum_of(same.bound_shares), 1, 1e-9);
  const Analysis other = analyze_calibrated(network(), c, device, "cpu 2", 4);
  EXPECT_EQ(other.latency.confidence, Confidence::interpolated);
  EXPECT_EQ(other.latency.value, same.latency.value);
  EXPECT_GT(other.latency.high, same.latency.high);
  ASSERT_EQ(other.notes.size(), 1u);
  EXPECT_NE(other.notes[0].find("hone calibrate"), std::string::npos);
}

// What a tenth of the time rests on is what the whole is said to rest on.
TEST(Calibrated, ConfidenceByShareOfTime) {
  Calibration c = made_up();
  const Device device = device_of("raspberry_pi_5");
  const Analysis all = analyze_calibrated(network(), c, device, "cpu 1", 1);
  EXPECT_EQ(confidence_shares(all)[size_t(Confidence::calibrated)], 1);
  double convolutions = 0, seconds = 0;
  for (const OperatorCost& o : all.operators) {
    seconds += o.seconds.value;
    if (o.family.starts_with("conv")) convolutions += o.seconds.value;
  }
  for (FamilyFit& f : c.families)
    if (f.family.starts_with("conv")) f.residuals.clear();
  const Analysis some = analyze_calibrated(network(), c, device, "cpu 1", 1);
  const ConfidenceShares shares = confidence_shares(some);
  EXPECT_NEAR(shares[size_t(Confidence::interpolated)], convolutions / seconds, 1e-9);
  EXPECT_NEAR(shares[size_t(Confidence::interpolated)] + shares[size_t(Confidence::calibrated)], 1,
              1e-9);
  EXPECT_EQ(some.latency.confidence, Confidence::interpolated);
  EXPECT_EQ(worst_of({0, 0.97, 0, 0.03}), Confidence::calibrated);
  EXPECT_EQ(worst_of({0, 0.5, 0.4, 0.1}), Confidence::theoretical);
  EXPECT_EQ(worst_of({1, 0, 0, 0}), Confidence::exact);
}

TEST(Roofs, OfRatesAndOfTheRegistry) {
  Rates rates;
  EXPECT_TRUE(roofs_of(rates).empty());
  rates.f32_flops = 1e11;
  rates.dram_bytes_per_s = 2e10;
  ASSERT_EQ(roofs_of(rates).size(), 2u);
  EXPECT_TRUE(roofs_of(rates)[0].computes);
  EXPECT_EQ(roofs_of(rates)[1].per_second, 2e10);
  bool memory = false, peak = false;
  for (const Roof& r : roofs_of(device_of("nvidia_t4"))) {
    EXPECT_GT(r.per_second, 0);
    (r.computes ? peak : memory) = true;
  }
  EXPECT_TRUE(memory && peak);
}

TEST(Calibrated, WhatWasNotMeasuredIsToldAndWidens) {
  Calibration c = made_up();
  const Device device = device_of("raspberry_pi_5");
  const Analysis all = analyze_calibrated(network(), c, device, "cpu 1", 1);
  std::erase_if(c.families, [](const FamilyFit& f) { return f.family.starts_with("conv"); });
  const Analysis some = analyze_calibrated(network(), c, device, "cpu 1", 1);
  EXPECT_GT(some.uncovered, 0);
  EXPECT_LT(some.operators.size(), all.operators.size());
  EXPECT_GT(some.latency.high / some.latency.value, all.latency.high / all.latency.value);
}

TEST(Calibrated, TooFewNetworksAreNotCertified) {
  Calibration c = made_up();
  c.half_width = 0;
  const Analysis a = analyze_calibrated(network(), c, device_of("raspberry_pi_5"), "cpu 1", 1);
  ASSERT_EQ(a.notes.size(), 1u);
  EXPECT_NE(a.notes[0].find("not certified"), std::string::npos);
  EXPECT_GT(a.latency.high, 1.5 * a.latency.value);
}

TEST(Calibrated, SlowestComeFirst) {
  const Analysis a =
      analyze_calibrated(network(), made_up(), device_of("raspberry_pi_5"), "cpu 1", 1);
  const auto top = slowest(a, 3);
  ASSERT_EQ(top.size(), 3u);
  EXPECT_GE(top[0]->seconds.value, top[1]->seconds.value);
  EXPECT_GE(top[1]->seconds.value, top[2]->seconds.value);
  EXPECT_EQ(slowest(a, 1000).size(), a.operators.size());
}

// Of an analysis that takes so long and waits for this alone.
Analysis that_takes(const Quantity& latency, Bound bound = Bound::compute) {
  Analysis a;
  a.latency = latency;
  a.bound_shares[size_t(bound)] = 1;
  return a;
}

TEST(Energy, IsPowerTimesTime) {
  Device device = device_of("st_stm32h743");
  device[FieldId::tdp] = {.value = 0.5};
  const Analysis two = that_takes(Quantity::exactly(2, ""));
  const auto e = energy_of(device, two);
  ASSERT_TRUE(e);
  EXPECT_NEAR(e->value, 2 * 0.5, 1e-12);  // a microcontroller takes what it takes
  EXPECT_EQ(e->confidence, Confidence::theoretical);
  expect_interval(*e);
  // Between idle and TDP.
  device = device_of("nvidia_t4");
  device[FieldId::tdp] = {.value = 100};
  device[FieldId::idle_power] = {.value = 20};
  EXPECT_NEAR(energy_of(device, two)->value, 2 * (20 + 0.6 * 80), 1e-9);
}

// A CPU that waits for memory takes less than one that computes.
TEST(Energy, OfTheStateOfActivity) {
  const Device device = device_of("intel_core_i7_12700k");
  const Quantity second = Quantity::exactly(1, "");
  const auto computing = energy_of(device, that_takes(second)),
             waiting = energy_of(device, that_takes(second, Bound::memory));
  ASSERT_TRUE(computing && waiting);
  EXPECT_LT(waiting->value, computing->value);
  EXPECT_LT(computing->value, device.value(FieldId::tdp).value());
  // As measured: 118 W in products, 96 W in streams.
  EXPECT_NEAR(computing->value, 118, 1);
  EXPECT_NEAR(waiting->value, 96, 1);
}

// Where the registry prices operations and bytes, they count.
TEST(Energy, OfOperationsAndBytes) {
  Device device = device_of("nvidia_t4");
  device[FieldId::idle_power] = {.value = 10};
  device[FieldId::energy_per_operation] = {.value = 2e-12};
  device[FieldId::energy_per_byte] = {.value = 1e-10};
  Analysis a = that_takes(Quantity::exactly(0.5, ""));
  OperatorCost o;
  o.macs = 1e9;
  o.flops = 1e9;  // fewer than its multiply-adds have: those count
  o.bytes = 1e6;
  a.operators = {o, o};
  EXPECT_NEAR(energy_of(device, a)->value, 0.5 * 10 + 2 * (2e9 * 2e-12 + 1e6 * 1e-10), 1e-12);
  device[FieldId::energy_per_byte].reset();
  EXPECT_NEAR(energy_of(device, a)->value, 0.5 * 10 + 2 * 2e9 * 2e-12, 1e-12);
}

TEST(Energy, IsNotMadeUp) {
  Device device = device_of("nvidia_t4");
  device[FieldId::tdp].reset();
  const Analysis second = that_takes(Quantity::exactly(1, ""));
  EXPECT_FALSE(energy_of(device, second));
  // Of this machine something is known: a core's usual power.
  Device host;
  host.id = "host";
  host.threads = 2;
  const auto one = energy_of(host, second);
  ASSERT_TRUE(one);
  host.threads = 4;
  EXPECT_NEAR(energy_of(host, second)->value, 2 * one->value, 1e-9);
}

// This machine by its own counters: idle power, what its states add, operations and bytes.
TEST(Energy, AsMeasured) {
  Device host;
  host.id = "host";
  PowerFit fit{.idle_w = 10, .compute_w = 20, .memory_w = 8, .half_width = 0.1};
  Analysis a = that_takes(Quantity::around(2, 0.1, Confidence::calibrated, ""));
  const auto computing = energy_of(host, a, &fit);
  ASSERT_TRUE(computing);
  EXPECT_NEAR(computing->value, 2 * 30, 1e-9);
  EXPECT_EQ(computing->confidence, Confidence::calibrated);
  EXPECT_NEAR(std::log(computing->high / computing->value), std::hypot(0.1, 0.1), 1e-9);
  EXPECT_NE(computing->source.find("idle 10 W"), std::string::npos) << computing->source;
  EXPECT_EQ(computing->source.find("an operation"), std::string::npos) << computing->source;
  a.bound_shares = {0.5, 0.2, 0.2, 0.1};  // compute, cache, memory, overhead
  EXPECT_NEAR(energy_of(host, a, &fit)->value, 2 * (10 + 0.6 * 20 + 0.4 * 8), 1e-9);
  fit.operation_j = 2e-12;
  fit.byte_j = 1e-10;
  OperatorCost o;
  o.macs = 1e9;
  o.bytes = 1e6;
  a.operators = {o, o};
  const auto priced = energy_of(host, a, &fit);
  EXPECT_NEAR(priced->value, 2 * (10 + 0.6 * 20 + 0.4 * 8) + 2 * (2e9 * 2e-12 + 1e6 * 1e-10), 1e-9);
  EXPECT_NE(priced->source.find("pJ an operation"), std::string::npos) << priced->source;
  // No surer than the time that it rests on, and of this machine alone.
  a.latency.confidence = Confidence::interpolated;
  EXPECT_EQ(energy_of(host, a, &fit)->confidence, Confidence::interpolated);
  const Device other = device_of("nvidia_t4");
  EXPECT_EQ(energy_of(other, a, &fit)->confidence, Confidence::theoretical);
  EXPECT_DOUBLE_EQ(energy_of(other, a, &fit)->value, energy_of(other, a)->value);
}

// The error of the time and that of the power add up as independent ones do.
TEST(Energy, ErrorsOfTimeWidenIt) {
  const Device device = device_of("nvidia_t4");
  const auto sure = energy_of(device, that_takes(Quantity::exactly(1, "")));
  const auto unsure =
      energy_of(device, that_takes(Quantity::around(1, 0.5, Confidence::calibrated, "")));
  ASSERT_TRUE(sure && unsure);
  EXPECT_NEAR(std::log(unsure->high / unsure->value),
              std::hypot(0.5, std::log(sure->high / sure->value)), 1e-9);
}

}  // namespace
}  // namespace hone::estimate
