// What steps take by the resources of a class: shares of units, kinds of work, priors.
#include "estimate/mapping.h"

#include <gtest/gtest.h>

#include <cmath>

#include "estimate/families/shapes.h"
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

TEST(Mapping, UtilizationIsAShare) {
  for (const char* id : {"raspberry_pi_5", "nvidia_t4", "st_stm32h743", "google_tpu_v4"})
    for (const Step& step : network().steps) {
      if (step.nothing || !step.known) continue;
      const double share = utilization(device_of(id), step);
      EXPECT_GT(share, 0) << id << " " << step.op->name;
      EXPECT_LE(share, 1) << id << " " << step.op->name;
    }
}

TEST(Mapping, PriorsAreOfClasses) {
  for (const char* id : {"raspberry_pi_5", "nvidia_t4", "nvidia_jetson_orin_nano_8gb",
                         "st_stm32l4r5", "google_coral_edge_tpu", "google_tpu_v4"}) {
    const Device device = device_of(id);
    const ClassPrior* prior = prior_of(device);
    ASSERT_NE(prior, nullptr) << id;
    EXPECT_EQ(prior->name, info(device.device_class).name);
    for (const double c : {prior->windows, prior->products, prior->depthwise, prior->others,
                           prior->far, prior->half_width})
      EXPECT_GT(c, 0) << id;
    // Nothing computes faster than its peak; windows may, by Winograd's way.
    EXPECT_GE(prior->products, 1) << id;
    EXPECT_GE(prior->windows, 0.25) << id;
    EXPECT_GE(prior->call, 0) << id;
    EXPECT_LT(std::exp(prior->half_width), 10) << id;
  }
  EXPECT_EQ(prior_of(device_of("intel_loihi_1")), nullptr);
}

// A Cortex-M7 loads operands in the cycle of a product, an M4 does not.
TEST(Mapping, DualIssueOfMicrocontrollers) {
  EXPECT_EQ(prior_of(device_of("st_stm32h743"))->name, "mcu_dual_issue");
  EXPECT_EQ(prior_of(device_of("st_stm32u575"))->name, "mcu");
  EXPECT_LT(prior_of(device_of("st_stm32h743"))->products,
            prior_of(device_of("st_stm32u575"))->products);
}

// The form that tools/fit_classes.py fits.
TEST(Mapping, TimesAreSumsOfTerms) {
  const Device device = device_of("raspberry_pi_5");
  const Resources r = resources_of(device, false).take();
  EXPECT_NEAR(r.peak, 153.6e9, 1e6);
  EXPECT_NEAR(r.call_seconds, r.prior->call / 2.4e9, 1e-12);
  size_t products = 0;
  for (const Step& step : network().steps) {
    if (step.nothing || !step.known) continue;
    const StepTime time = time_on(device, r, step);
    EXPECT_NEAR(time.seconds(), time.compute + time.memory + time.call, 1e-15);
    if (!family_of(step).name.starts_with("linear")) continue;
    ++products;
    EXPECT_NEAR(time.compute,
                2 * step.macs / r.peak * r.prior->products / utilization(device, step), 1e-15);
  }
  EXPECT_GE(products, 1u);
}

TEST(Mapping, OneCoreWaitsForNone) {
  Device device = device_of("raspberry_pi_5");
  device.cores = 1;
  EXPECT_EQ(resources_of(device, false)->call_seconds, 0);
}

TEST(Mapping, PartsOfACpu) {
  const Device all = device_of("raspberry_pi_5");
  const Device part = part_of(all, 1);
  EXPECT_EQ(part.cores, 1);
  EXPECT_NEAR(*part.dense(FieldId::peak_fp32), *all.dense(FieldId::peak_fp32) / 4, 1);
  EXPECT_EQ(part.value(FieldId::memory_bandwidth), all.value(FieldId::memory_bandwidth));
  EXPECT_EQ(part.value(FieldId::l3_total), all.value(FieldId::l3_total));
  const double idle = *all.value(FieldId::idle_power), tdp = *all.value(FieldId::tdp);
  EXPECT_NEAR(*part.value(FieldId::tdp), idle + (tdp - idle) / 4, 1e-9);
  EXPECT_EQ(part_of(all, 4).dense(FieldId::peak_fp32), all.dense(FieldId::peak_fp32));
}

TEST(Mapping, AssumedClassesSaySo) {
  const auto assumed = analyze_theoretical(network(), device_of("google_tpu_v4"), 1);
  ASSERT_TRUE(assumed.ok());
  ASSERT_EQ(assumed->notes.size(), 1u);
  EXPECT_NE(assumed->notes[0].find("assumed"), std::string::npos);
  const auto fitted = analyze_theoretical(network(), device_of("nvidia_t4"), 1);
  ASSERT_TRUE(fitted.ok());
  EXPECT_TRUE(fitted->notes.empty());
  EXPECT_NE(fitted->latency.source.find("fitted to published measurements"), std::string::npos);
}

// The source names the peaks that were used, and no others.
TEST(Mapping, TheSourceNamesThePeaksOfBytes) {
  const auto program = testing::lowered_program_of(
      "graph main(x: u8[4,48]) -> (y) { y = matmul_integer(x, expand(u8{3}, i64[2]{48, 24})) }");
  const Workload bytes = workload_of(program, types_of(inputs_of(*program)), {}).take();
  const auto a = analyze_theoretical(bytes, device_of("nvidia_t4"), 1);
  const auto b = analyze_theoretical(network(), device_of("nvidia_t4"), 1);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(a->latency.source.find("peak_int8"), std::string::npos) << a->latency.source;
  EXPECT_EQ(b->latency.source.find("peak_int8"), std::string::npos) << b->latency.source;
}

}  // namespace
}  // namespace hone::estimate
