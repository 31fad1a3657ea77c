// Calibrations of one CPU applied to another.
#include "estimate/interpolation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "hardware/registry.h"
#include "support/programs.h"

namespace hone::estimate {
namespace {

using testing::inputs_of;
using testing::types_of;

Device device_of(const std::string& id) { return DeviceRegistry("").find(id).take(); }

const Workload& network() {
  static const Workload work = [] {
    const auto program = testing::lowered_program_of(testing::kNetworks[0]);
    return workload_of(program, types_of(inputs_of(*program)), {}).take();
  }();
  return work;
}

constexpr double kClock = 3e9;

Calibration calibration_of(int threads) {
  Calibration c;
  c.cpu = "a CPU";
  c.created = "2020-01-01T00:00:00Z";
  c.fingerprint = "AuthenticAMD 25 17 1; avx2 avx512f avx512bw";
  c.kernels = "cpu 1";
  c.machine.threads = threads;
  c.rates = {32 * kClock * threads, 128 * kClock * threads, 1e11, 1e11, 20e9};
  for (const Family* family : families()) {
    FamilyFit fit;
    fit.family = family->name;
    fit.coefficients.fill(1e-10);
    fit.coefficients[kFeatures - 1] = 1e-6;
    fit.half_width = 0.2;
    c.families.push_back(fit);
  }
  c.step_seconds = 1e-7;
  c.run_seconds = 1e-6;
  c.half_width = 2;
  return c;
}

// A CPU with the same figures.
Device twin() {
  Device device = device_of("intel_core_i7_12700k");
  device.cores = 4;
  device.isa = {"avx2", "avx512f"};
  device[FieldId::peak_fp32]->value = 4 * 32 * kClock;
  device[FieldId::peak_int8]->value = 4 * 128 * kClock;
  device[FieldId::clock_peak]->value = kClock;
  device[FieldId::memory_bandwidth]->value = 200e9;
  return device;
}

TEST(Interpolation, TheSameFiguresChangeNothing) {
  const Calibration c = calibration_of(1), r = rescaled(c, twin(), 1).take();
  for (size_t f = 0; f < c.families.size(); ++f)
    for (size_t i = 0; i < kFeatures; ++i)
      EXPECT_NEAR(r.families[f].coefficients[i] / c.families[f].coefficients[i], 1, 1e-9);
  EXPECT_NEAR(r.step_seconds, c.step_seconds, 1e-12);
}

TEST(Interpolation, EachFigureScalesItsFeatures) {
  Device device = twin();
  device[FieldId::peak_fp32]->value *= 2;
  device[FieldId::peak_int8]->value *= 4;
  device[FieldId::clock_peak]->value /= 2;
  device[FieldId::memory_bandwidth]->value = 10e9 / 0.78;
  const Calibration c = calibration_of(1), r = rescaled(c, device, 1).take();
  for (const FamilyFit& fit : r.families) {
    const bool bytes = fit.family.starts_with("quantized_") || fit.family.starts_with("block_");
    EXPECT_NEAR(fit.coefficients[0], bytes ? 0.25e-10 : 0.5e-10, 1e-16) << fit.family;
    EXPECT_NEAR(fit.coefficients[kMostCounts], 2e-10, 1e-16) << "the second level";
    EXPECT_NEAR(fit.coefficients[kMostCounts + 1], 2e-10, 1e-16) << "the third";
    EXPECT_NEAR(fit.coefficients[kMostCounts + 2], 2e-10, 1e-16) << "memory: 10 GB/s, not 20";
    EXPECT_NEAR(fit.coefficients[kMostCounts + 4], 2e-10, 1e-16);
    EXPECT_NEAR(fit.coefficients[kFeatures - 1], 2e-6, 1e-12);
  }
  EXPECT_NEAR(r.run_seconds, 2e-6, 1e-12);
}

// Cores share what the memory gives; one core draws no more than it did.
TEST(Interpolation, MemoryIsShared) {
  Device device = twin();
  device[FieldId::memory_bandwidth]->value = 1e12;
  const size_t memory = kMostCounts + 2;
  const Calibration one = calibration_of(1), two = calibration_of(2);
  EXPECT_NEAR(rescaled(one, device, 1)->families[0].coefficients[memory], 1e-10, 1e-16);
  device[FieldId::memory_bandwidth]->value = 40e9 / 0.78;
  EXPECT_NEAR(rescaled(two, device, 2)->families[0].coefficients[memory], 0.5e-10, 1e-16);
  EXPECT_NEAR(rescaled(two, device, 4)->families[0].coefficients[memory], 1e-10, 1e-16);
}

TEST(Interpolation, TheNearestIsOfTheSameKind) {
  const Calibration one = calibration_of(1), two = calibration_of(2);
  const Device wide = twin(), narrow = device_of("intel_core_i7_12700k");
  EXPECT_GT(likeness(one, wide, 1), likeness(two, wide, 1));
  EXPECT_GT(likeness(two, wide, 4), likeness(one, wide, 4));
  EXPECT_GT(likeness(one, wide, 1), likeness(one, narrow, 1));
  EXPECT_GT(likeness(one, narrow, 1), 0);
  EXPECT_EQ(likeness(one, device_of("raspberry_pi_5"), 1), 0);
  EXPECT_EQ(likeness(one, device_of("nvidia_t4"), 1), 0);
  Calibration prior = one;
  prior.rates = {};
  EXPECT_EQ(likeness(prior, wide, 1), 0);
}

TEST(Interpolation, SaysWhatItIs) {
  const Device device = device_of("intel_core_i7_12700k");
  const Calibration c = calibration_of(2);
  const auto a = analyze_interpolated(network(), c, device, 12, 1);
  ASSERT_TRUE(a.ok()) << describe(a.error());
  EXPECT_EQ(a->device, "intel_core_i7_12700k");
  EXPECT_EQ(a->latency.confidence, Confidence::interpolated);
  for (const char* word : {"a CPU", "Intel Core i7-12700K"})
    EXPECT_NE(a->latency.source.find(word), std::string::npos) << a->latency.source;
  // Wider than of the machine itself, and of each operator as of the whole.
  const double half_width = std::log(a->latency.high / a->latency.value);
  EXPECT_GT(half_width, 0.5);
  EXPECT_LT(half_width, std::log(10));
  ASSERT_FALSE(a->operators.empty());
  EXPECT_EQ(a->operators[0].seconds.confidence, Confidence::interpolated);
  EXPECT_EQ(a->peak_memory.confidence, Confidence::theoretical);
  ASSERT_TRUE(a->energy);
  // Of one core: slower, and less power.
  const auto one = analyze_interpolated(network(), calibration_of(1), device, 1, 1);
  ASSERT_TRUE(one.ok());
  ASSERT_TRUE(one->energy);
  EXPECT_LT(one->energy->value / one->latency.value, a->energy->value / a->latency.value);
}

TEST(Interpolation, MissingFiguresAreNamed) {
  for (const FieldId field : {FieldId::peak_fp32, FieldId::clock_peak, FieldId::memory_bandwidth}) {
    Device device = twin();
    device[field].reset();
    const auto a = analyze_interpolated(network(), calibration_of(1), device, 1, 1);
    ASSERT_FALSE(a.ok());
    EXPECT_NE(describe(a.error()).find(info(field).name), std::string::npos);
  }
}

}  // namespace
}  // namespace hone::estimate
