// Tests of the plausibility rules, each with a device that breaks it and one that does not.
#include "hardware/device_check.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "hardware/device_file.h"

namespace hone {
namespace {

// A device of these lines; a field is written "tdp 5 W".
Device made(const std::string& lines, std::initializer_list<std::string> fields) {
  std::string text = "schema: 1\nid: d\nname: D\nvendor: me\n" + lines +
                     (lines.find("class:") == std::string::npos ? "class: cpu\n" : "") +
                     "sources: {s: sheet}\nfields:\n";
  for (const std::string& field : fields) {
    std::istringstream words(field);
    std::string name, value, unit, extra;
    words >> name >> value >> unit;
    std::getline(words, extra);
    if (name.starts_with("peak_") && extra.find("basis") == std::string::npos)
      extra += ", basis: dense";
    if (extra.find("formula") == std::string::npos)
      extra += ", kind: vendor, source: s";
    else
      extra += ", kind: derived, source: s";
    text += "  " + name + ": {value: " + value + ", unit: " + unit + extra + "}\n";
  }
  const auto device = parse_device(text, "d.yaml");
  EXPECT_TRUE(device.ok()) << text << device.error().message;
  return device ? *device : Device();
}

// "rule field message" of each finding; warnings begin with "warning ".
std::vector<std::string> found(const Device& device) {
  std::vector<std::string> lines;
  for (const Finding& f : check_device(device)) {
    EXPECT_EQ(f.file, "d.yaml");
    EXPECT_GT(f.line, 0) << f.message;
    lines.push_back((f.severity == Finding::Severity::warning ? "warning " : "") +
                    std::string(f.rule) + " " + f.field + " " + f.message);
  }
  return lines;
}
std::vector<std::string> found(const std::string& lines, std::initializer_list<std::string> f) {
  return found(made(lines, f));
}
using Lines = std::vector<std::string>;

TEST(DeviceCheck, Formula) {
  const std::string f = ", formula: cores * 32 * clock_peak";
  EXPECT_EQ(found("cores: 4\n", {"peak_fp32 256 GFLOP/s" + f, "clock_peak 2 GHz"}), Lines{});
  EXPECT_EQ(found("cores: 4\n", {"peak_fp32 257 GFLOP/s" + f, "clock_peak 2 GHz"}), Lines{});
  EXPECT_EQ(found("cores: 4\n", {"peak_fp32 512 GFLOP/s" + f, "clock_peak 2 GHz"}),
            Lines{"formula peak_fp32 512 GFLOP/s, but its formula gives 256 GFLOP/s"});
}

TEST(DeviceCheck, SparsePeakGivenAsDense) {
  const std::string h100 = "class: gpu\narchitecture: Hopper GH100\ncores: 132\n";
  EXPECT_EQ(found(h100, {"peak_fp8 1978.9 TFLOP/s", "clock_boost 1980 MHz"}), Lines{});
  EXPECT_EQ(found(h100, {"peak_fp8 3957.8 TFLOP/s, basis: sparse", "clock_boost 1980 MHz"}),
            Lines{});
  EXPECT_EQ(
      found(h100, {"peak_fp8 3958 TFLOP/s", "clock_boost 1980 MHz"}),
      Lines{"peak peak_fp8 3.958 PFLOP/s, but 132 cores x 1.98 GHz x 8192 operations of Hopper "
            "GH100 give 2.141 PFLOP/s: about twice that: a figure with 2:4 sparsity? Give the "
            "dense one, or say `basis: sparse`"});
}

TEST(DeviceCheck, PeakOfCoresAndClock) {
  const std::string cpu = "architecture: Zen 4\ncores: 8\n";
  EXPECT_EQ(found(cpu, {"peak_fp32 1024 GFLOP/s", "clock_base 4 GHz"}), Lines{});
  EXPECT_EQ(found(cpu, {"peak_fp32 1300 GFLOP/s", "clock_base 4 GHz"}),
            Lines{"peak peak_fp32 1.3 TFLOP/s is more than 8 cores x 4 GHz x 32 operations of Zen "
                  "4 give 1.024 TFLOP/s"});
  EXPECT_EQ(found(cpu, {"peak_fp32 100 GFLOP/s", "clock_base 4 GHz"}),
            Lines{"warning peak peak_fp32 100 GFLOP/s is far less than 8 cores x 4 GHz x 32 "
                  "operations of Zen 4 give 1.024 TFLOP/s"});
  EXPECT_EQ(
      found("architecture: Unheard\ncores: 8\n", {"peak_fp32 1300 GFLOP/s", "clock_base 4 GHz"}),
      Lines{});
}

TEST(DeviceCheck, RatiosOfPeaks) {
  const std::string npu = "class: npu\n";
  EXPECT_EQ(found(npu, {"peak_fp16 200 TFLOP/s", "peak_int8 400 TOP/s", "peak_int4 800 TOP/s"}),
            Lines{});
  EXPECT_EQ(found(npu, {"peak_fp16 200 TFLOP/s", "peak_int8 800 TOP/s"}),
            Lines{"peak_ratio peak_int8 800 TOP/s is 4 times the 200 TOP/s of 16-bit floats; half "
                  "the bits give twice as much at most: a figure with 2:4 sparsity? Give the dense "
                  "one, or say `basis: sparse`"});
  EXPECT_EQ(found(npu, {"peak_int8 20 TOP/s", "peak_int4 80 TOP/s"}).size(), 1u);
  EXPECT_EQ(found(npu, {"peak_fp8 400 TFLOP/s", "peak_int8 200 TOP/s"}),
            Lines{"warning peak_ratio peak_fp8 twice the peak of int8: is one of the two with "
                  "sparsity?"});
  // Vector units for floats and matrix units for bytes: a processor may.
  EXPECT_EQ(found("", {"peak_fp16 10 TFLOP/s", "peak_int8 160 TOP/s"}), Lines{});
  EXPECT_EQ(found("", {"peak_fp64 2 TFLOP/s", "peak_fp32 1 TFLOP/s"}),
            Lines{"peak_ratio peak_fp64 2 TFLOP/s is more than the 1 TFLOP/s of fp32"});
}

TEST(DeviceCheck, Bandwidth) {
  const std::string ddr = "memory: DDR4-3200 x8\n";
  EXPECT_EQ(found(ddr, {"memory_bandwidth 204.8 GB/s"}), Lines{});
  EXPECT_EQ(found(ddr, {"memory_bandwidth 409.6 GB/s"}),
            Lines{"bandwidth memory_bandwidth 409.6 GB/s is more than the bus allows: DDR4-3200 x8 "
                  "has 512 bits at 3200 MT/s, 204.8 GB/s"});
  EXPECT_EQ(found(ddr, {"memory_bandwidth 25.6 GB/s"}),
            Lines{"warning bandwidth memory_bandwidth 25.6 GB/s is far less than the bus allows: "
                  "DDR4-3200 x8 has 512 bits at 3200 MT/s, 204.8 GB/s"});
  EXPECT_EQ(found("memory: LPDDR4X x256b\n", {"memory_bandwidth 273 GB/s"}).size(), 1u);
  EXPECT_EQ(found("memory: LPDDR4X x256b\n", {"memory_bandwidth 136.5 GB/s"}), Lines{});
  EXPECT_EQ(found("memory: LPDDR5 x128b\n", {"memory_bandwidth 34 GB/s"}), Lines{});
  EXPECT_EQ(found("memory: on-chip SRAM\n", {"memory_bandwidth 34 GB/s"}), Lines{});
  EXPECT_EQ(found("memory: DDR44-3200 x8\n", {"memory_bandwidth 34 GB/s"}),
            Lines{"warning bandwidth memory DDR44-3200 x8 is not understood; expected a text such "
                  "as `DDR5-4800 x8` or `LPDDR5-6400 x128b`"});
  EXPECT_EQ(found("memory: DDR4-4800 x2\n", {"memory_bandwidth 76.8 GB/s"}),
            Lines{"warning bandwidth memory 4800 MT/s is above the 3200 MT/s of DDR4"});
}

TEST(DeviceCheck, Clocks) {
  EXPECT_EQ(found("", {"clock_base 2 GHz", "clock_boost 3 GHz", "clock_peak 3 GHz"}), Lines{});
  EXPECT_EQ(found("", {"clock_base 3 GHz", "clock_boost 2 GHz"}),
            Lines{"clock clock_boost 2 GHz is below the base clock of 3 GHz"});
  EXPECT_EQ(found("", {"clock_boost 3 GHz", "clock_peak 3.2 GHz"}),
            Lines{"clock clock_peak 3.2 GHz is above the boost clock of 3 GHz"});
}

TEST(DeviceCheck, Caches) {
  EXPECT_EQ(found("cores: 80\n", {"l1_per_core 64 KiB", "l2_total 80 MiB", "l3_total 32 MiB"}),
            Lines{});
  EXPECT_EQ(found("", {"l1_per_core 64 KiB", "l2_total 32 KiB"}),
            Lines{"cache l2_total 32 KiB is less than the 64 KiB that one core has at the first "
                  "level"});
  EXPECT_EQ(found("cores: 4\n", {"l2_total 8 MiB", "l3_total 1 MiB"}),
            Lines{"cache l3_total 1 MiB is less than one core's share of the second level, 8 MiB "
                  "of 4 cores"});
}

TEST(DeviceCheck, Power) {
  EXPECT_EQ(found("", {"tdp 10 W", "idle_power 10 W"}), Lines{});
  EXPECT_EQ(found("", {"tdp 10 W", "idle_power 12 W"}),
            Lines{"power idle_power 12 W is more than the 10 W under load"});
  EXPECT_EQ(found("", {"tdp 10 W", "peak_int8 900 TOP/s"}), Lines{});
  EXPECT_EQ(found("", {"tdp 10 mW", "peak_int8 26 TOP/s"}),
            Lines{"warning power peak_int8 26 TOP/s at 10 mW are 2.6 POP/s per watt, above what "
                  "silicon reaches"});
}

TEST(DeviceCheck, Capacity) {
  EXPECT_EQ(found("class: mcu\n", {"memory_capacity 640 KiB", "flash 2 MiB"}), Lines{});
  EXPECT_EQ(found("class: mcu\n", {"memory_capacity 640 MiB"}),
            Lines{"capacity memory_capacity 640 MiB is not plausible for the class mcu; expected "
                  "3.906 KiB to 61.04 MiB"});
  EXPECT_EQ(found("class: gpu\n", {"memory_capacity 80 MiB"}).size(), 1u);
}

TEST(DeviceCheck, Energies) {
  const std::string c = "class: neuromorphic\n";
  EXPECT_EQ(found(c, {"energy_per_synaptic_operation 23.6 pJ", "energy_per_neuron_update 81 pJ",
                      "energy_per_inactive_neuron_update 52 pJ"}),
            Lines{});
  EXPECT_EQ(found(c, {"energy_per_synaptic_operation 23.6 uJ"}),
            Lines{"energy energy_per_synaptic_operation 23.6 uJ is not plausible for an event; "
                  "expected 1 fJ to 1 uJ"});
  EXPECT_EQ(found(c, {"energy_per_spike 0.5 fJ"}).size(), 1u);
  EXPECT_EQ(
      found(c, {"energy_per_neuron_update 52 pJ", "energy_per_inactive_neuron_update 81 pJ"}),
      Lines{"energy energy_per_inactive_neuron_update 81 pJ is more than the 52 pJ of an active "
            "neuron"});
}

TEST(DeviceCheck, ThreadsAndInstructionSets) {
  EXPECT_EQ(found("cores: 4\nthreads: 8\nisa: [avx2, dsp]\n", {"tdp 5 W"}), Lines{});
  EXPECT_EQ(found("cores: 8\nthreads: 4\n", {"tdp 5 W"}),
            Lines{"threads cores 8 cores are more than 4 threads"});
  EXPECT_EQ(found("isa: [avx512_vni]\n", {"tdp 5 W"}),
            Lines{"warning isa isa hone knows no instruction set avx512_vni; did you mean "
                  "avx512_vnni?"});
}

TEST(DeviceCheck, NameOfTheFile) {
  Device device = made("", {"tdp 5 W"});
  device.file = "folder/d.yml";
  EXPECT_TRUE(check_device(device).empty());
  device.file = "folder/e.yaml";
  ASSERT_EQ(check_device(device).size(), 1u);
  EXPECT_EQ(check_device(device)[0].message,
            "the file is called e: a device is found fastest in d.yaml");
}

TEST(DeviceCheck, FindingsComeInTheOrderOfLines) {
  const auto findings = check_device(
      made("", {"tdp 10 W", "idle_power 12 W", "clock_base 3 GHz", "clock_boost 2 GHz"}));
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_LT(findings[0].line, findings[1].line);
  EXPECT_EQ(findings[0].rule, "power");
}

}  // namespace
}  // namespace hone
