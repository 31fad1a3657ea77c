// Tests of device files: every key, every fault with its text.
#include "hardware/device_file.h"

#include <gtest/gtest.h>

#include "base/scratch_folder.h"

namespace hone {
namespace {

const std::string kHead =
    "schema: 1\nid: my_board\nname: My board\nvendor: me\nclass: cpu\ncores: 4\n"
    "sources: {sheet: my data sheet}\n";
const std::string kClock = "clock_base: {value: 2, unit: GHz, kind: vendor, source: sheet}";

// The message for a file of the head and these fields; empty when it is read.
std::string refusal_of(const std::string& text) {
  const auto device = parse_device(text, "f.yaml");
  if (device) return "";
  EXPECT_EQ(device.error().id, ErrorId::bad_device);
  return device.error().message;
}
std::string refusal(const std::string& field) {
  return refusal_of(kHead + "fields:\n  " + kClock + "\n  " + field + "\n");
}
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}
const std::string kWhole = kHead + "fields:\n  " + kClock + "\n";

TEST(DeviceFile, EveryKeyIsRead) {
  const auto device = parse_device(
      "schema: 1\nid: my_board\nname: \"My board: 2\"\nvendor: me\nclass: soc_gpu\n"
      "aliases: [board, b2]\narchitecture: Own\nprocess: 7nm\ncores: 4\nthreads: 8\n"
      "isa: [avx2, fma]\nmemory: DDR4-3200 x2\nnotes: some\n"
      "sources:\n  sheet: my data sheet\n  log: my log\n"
      "fields:\n"
      "  peak_fp32: {value: 256, unit: GFLOP/s, basis: dense, kind: derived, formula: \"cores * 32 "
      "* clock_base\", source: [sheet, log], verified: true, note: vectors}\n"
      "  peak_int8: {value: 4, unit: TOPS, basis: sparse, kind: vendor, source: sheet}\n"
      "  clock_base:\n    value: 2\n    unit: GHz\n    kind: measured\n    source: log\n"
      "  neurons_per_core: {value: 1024, kind: estimated, note: a guess}\n",
      "dir/f.yaml");
  ASSERT_TRUE(device.ok()) << device.error().message;
  EXPECT_EQ(device->id, "my_board");
  EXPECT_EQ(device->name, "My board: 2");
  EXPECT_EQ(device->vendor, "me");
  EXPECT_EQ(device->device_class, DeviceClass::soc_gpu);
  EXPECT_EQ(device->aliases, (std::vector<std::string>{"board", "b2"}));
  EXPECT_EQ(device->architecture, "Own");
  EXPECT_EQ(device->process, "7nm");
  EXPECT_EQ(device->cores, 4);
  EXPECT_EQ(device->threads, 8);
  EXPECT_EQ(device->isa, (std::vector<std::string>{"avx2", "fma"}));
  EXPECT_EQ(device->memory, "DDR4-3200 x2");
  EXPECT_EQ(device->notes, "some");
  EXPECT_EQ(device->file, "dir/f.yaml");
  const auto& fp32 = (*device)[FieldId::peak_fp32];
  ASSERT_TRUE(fp32.has_value());
  EXPECT_EQ(fp32->value, 256e9);
  EXPECT_EQ(fp32->basis, Quantity::Basis::dense);
  EXPECT_EQ(fp32->kind, Quantity::Kind::derived);
  EXPECT_EQ(fp32->formula, "cores * 32 * clock_base");
  EXPECT_EQ(fp32->source, "my data sheet; my log");
  EXPECT_TRUE(fp32->verified);
  EXPECT_EQ(fp32->note, "vectors");
  EXPECT_EQ(fp32->line, 18);
  EXPECT_EQ(device->value(FieldId::peak_int8), 4e12);
  EXPECT_EQ(device->dense(FieldId::peak_int8), 2e12);
  EXPECT_EQ(device->dense(FieldId::peak_fp32), 256e9);
  EXPECT_EQ(device->value(FieldId::peak_fp16), std::nullopt);
  const auto& clock = (*device)[FieldId::clock_base];
  EXPECT_EQ(clock->kind, Quantity::Kind::measured);
  EXPECT_FALSE(clock->verified);
  EXPECT_EQ(device->value(FieldId::neurons_per_core), 1024);
  EXPECT_EQ(count_figures(*device).all, 4);
  EXPECT_EQ(count_figures(*device).verified, 1);
}

TEST(DeviceFile, JsonIsYaml) {
  const auto device = parse_device(
      R"({"schema": 1, "id": "j", "name": "J", "vendor": "me", "class": "mcu",
          "fields": {"tdp": {"value": 5, "unit": "mW", "kind": "estimated", "note": "n"}}})",
      "f.json");
  ASSERT_TRUE(device.ok()) << device.error().message;
  EXPECT_DOUBLE_EQ(*device->value(FieldId::tdp), 0.005);
}

TEST(DeviceFile, KeysOfTheDevice) {
  EXPECT_EQ(refusal_of(kWhole), "");
  EXPECT_EQ(refusal_of(kWhole + "vender: x\n"),
            "f.yaml:10: vender: there is no such key; did you mean vendor?");
  EXPECT_EQ(refusal_of(replaced(kWhole, "schema: 1", "schema: 2")),
            "f.yaml:1: schema: expected 1, the version that this hone reads");
  EXPECT_EQ(refusal_of(replaced(kWhole, "vendor: me\n", "")), "f.yaml:1: vendor: is missing");
  EXPECT_EQ(refusal_of(replaced(kWhole, "my_board", "My Board")),
            "f.yaml:2: id: expected a word of at most 64 of a-z, 0-9 and _");
  EXPECT_EQ(refusal_of(replaced(kWhole, "my_board", "host")),
            "f.yaml:2: id: host is the machine that hone runs on; take another name");
  EXPECT_EQ(refusal_of(kWhole + "aliases: [a, host]\n"),
            "f.yaml:10: aliases: host is the machine that hone runs on");
  EXPECT_EQ(refusal_of(kWhole + "aliases: [a, a]\n"), "f.yaml:10: aliases: a stands twice");
  EXPECT_EQ(refusal_of(kWhole + "isa: avx2\n"), "f.yaml:10: isa: expected a list: [a, b]");
  EXPECT_EQ(refusal_of(replaced(kWhole, "class: cpu", "class: gpus")),
            "f.yaml:5: class: there is no such class; did you mean gpu?");
  EXPECT_EQ(refusal_of(replaced(kWhole, "cores: 4", "cores: 0")),
            "f.yaml:6: cores: expected a whole number from 1 to 100000000");
  EXPECT_EQ(refusal_of(replaced(kWhole, "cores: 4", "cores: \"4\"")),
            "f.yaml:6: cores: expected a whole number from 1 to 100000000");
  EXPECT_EQ(refusal_of(kWhole + "notes: \"a\\eb\"\n"),
            "f.yaml:10: notes: expected a text of at most 256 bytes without control characters");
  EXPECT_EQ(refusal_of(replaced(kWhole, "{sheet: my data sheet}", "{sheet: s, other: o}")),
            "f.yaml:7: sources.other: no figure names it");
  EXPECT_EQ(refusal_of("- a\n"), "f.yaml:1: expected `key: value` lines");
  EXPECT_EQ(refusal_of(""), "f.yaml:1: expected `key: value` lines");
}

TEST(DeviceFile, Figures) {
  EXPECT_EQ(refusal("tpd: {value: 1, unit: W, kind: vendor, source: sheet}"),
            "f.yaml:10: fields.tpd: there is no such figure; did you mean tdp?");
  EXPECT_EQ(refusal("tdp: 5"), "f.yaml:10: fields.tdp: expected {value: …, unit: …, kind: …}");
  EXPECT_EQ(refusal("tdp: {value: 5, units: W, kind: vendor, source: sheet}"),
            "f.yaml:10: fields.tdp.units: there is no such key; did you mean unit?\n"
            "f.yaml:10: fields.tdp: has no unit; expected a power, such as W");
  EXPECT_EQ(refusal("tdp: {unit: W, kind: vendor, source: sheet}"),
            "f.yaml:10: fields.tdp: has no value");
  EXPECT_EQ(refusal("memory_bandwidth: {value: 5, unit: GB, kind: vendor, source: sheet}"),
            "f.yaml:10: fields.memory_bandwidth.unit: GB is a unit of a size in bytes; expected "
            "bytes per second, such as GB/s");
  for (const char* value : {"fast", "\"5\"", "nan", "inf", "0x10", "5 W", "[5]"})
    EXPECT_EQ(
        refusal(std::string("tdp: {value: ") + value + ", unit: W, kind: vendor, source: sheet}"),
        "f.yaml:10: fields.tdp.value: expected a number")
        << value;
  EXPECT_EQ(refusal("tdp: {value: -5, unit: W, kind: vendor, source: sheet}"),
            "f.yaml:10: fields.tdp.value: -5 W is out of range; expected 1 uW to 100 kW");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, source: sheet}"),
            "f.yaml:10: fields.tdp: has no kind: vendor, derived, measured or estimated");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, kind: guess, source: sheet}"),
            "f.yaml:10: fields.tdp.kind: expected vendor, derived, measured or estimated");
  EXPECT_NE(refusal("tdp: {value: 5, unit: W, kind: detected, source: sheet}"), "");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, kind: vendor, source: sheet, verified: yes}"),
            "f.yaml:10: fields.tdp.verified: expected true or false");
}

TEST(DeviceFile, PeaksHaveABasis) {
  const std::string peak = "peak_fp32: {value: 1, unit: TFLOP/s, kind: vendor, source: sheet";
  EXPECT_EQ(refusal(peak + "}"),
            "f.yaml:10: fields.peak_fp32: has no basis: dense where every operation counts, sparse "
            "where those that 2:4 sparsity leaves out count too");
  EXPECT_EQ(refusal(peak + ", basis: spare}"),
            "f.yaml:10: fields.peak_fp32.basis: expected dense or sparse");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, basis: dense, kind: vendor, source: sheet}"),
            "f.yaml:10: fields.tdp.basis: only peaks have a basis");
}

TEST(DeviceFile, FiguresHaveEvidence) {
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, kind: vendor}"),
            "f.yaml:10: fields.tdp: names no source");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, kind: measured}"),
            "f.yaml:10: fields.tdp: names no source");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, kind: estimated}"),
            "f.yaml:10: fields.tdp: is estimated: say how in a note, or name a source");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, kind: derived}"),
            "f.yaml:10: fields.tdp: is derived, but has no formula");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, kind: vendor, source: sheet, formula: 5 W}"),
            "f.yaml:10: fields.tdp: has a formula, so its kind is derived");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, kind: vendor, source: shet}"),
            "f.yaml:10: fields.tdp.source: there is no such source; did you mean sheet?");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, kind: derived, formula: cores * watts}"),
            "f.yaml:10: fields.tdp.formula: the formula uses watts, which the device does not "
            "have");
  EXPECT_EQ(refusal("tdp: {value: 5, unit: W, kind: derived, formula: tdp}"),
            "f.yaml:10: fields.tdp.formula: it rests on itself");
  EXPECT_EQ(refusal_of(replaced(kHead, "sources: {sheet: my data sheet}\n", "") + "fields:\n  " +
                       kClock + "\n"),
            "f.yaml:8: fields.clock_base.source: the file has no `sources`");
}

TEST(DeviceFile, AllFaultsAreTold) {
  std::string text = "schema: 1\n";
  EXPECT_EQ(refusal_of(text),
            "f.yaml:1: id: is missing\nf.yaml:1: name: is missing\nf.yaml:1: vendor: is missing\n"
            "f.yaml:1: class: is missing\nf.yaml:1: fields: is missing");
  for (int i = 0; i < 30; ++i) text += "k" + std::to_string(i) + ": 1\n";
  const std::string told = refusal_of(text);
  EXPECT_TRUE(told.ends_with("\n… and 15 more")) << told;
}

TEST(DeviceFile, HostileFiles) {
  EXPECT_EQ(refusal_of(kWhole + "notes: &n text\n"), "f.yaml:10: anchors and aliases are not read");
  EXPECT_NE(refusal_of(kWhole + "notes: *n\n"), "");
  EXPECT_EQ(refusal_of(kWhole + "notes: !!str text\n"),
            "f.yaml:10: the tag tag:yaml.org,2002:str means nothing here");
  EXPECT_EQ(refusal_of(std::string(kMostDeviceFile + 1, ' ')),
            "f.yaml has 1048577 bytes, above 1048576");
  EXPECT_NE(refusal_of(kWhole + "notes: \xff\n"), "");
  EXPECT_NE(refusal_of(std::string(100000, '[')), "");
  EXPECT_NE(refusal_of(kWhole.substr(0, kWhole.size() - 5)), "");
}

TEST(DeviceFile, FromDisk) {
  const ScratchFolder folder;
  const auto device = read_device(folder.write("my_board.yaml", kWhole));
  ASSERT_TRUE(device.ok());
  EXPECT_EQ(device->file, folder / "my_board.yaml");
  EXPECT_EQ(read_device(folder / "none.yaml").error().id, ErrorId::not_found);
}

}  // namespace
}  // namespace hone
