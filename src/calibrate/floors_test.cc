// Floors: those of the registry hold, they are only ever lowered, and what the registry keeps of
// errors can be found again from its samples.
#include "calibrate/floors.h"

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "calibrate/calibrations.h"
#include "calibrate/profile.h"

namespace hone::calibrate {
namespace {

using estimate::Calibration;
using estimate::FamilyFit;

Calibration example(double error) {
  Calibration c;
  c.device = "board";
  c.machine.threads = 2;
  c.network_residuals.assign(12, 0.5);
  FamilyFit f;
  f.family = "linear";
  f.half_width = 0.2;
  f.median_error = error;
  c.families = {f, f};
  c.families[1].family = "softmax";  // too few samples for a floor
  c.families[1].half_width = 0;
  return c;
}

std::string refusal(const std::string& text) {
  const auto floors = parse_floors(text, "f.yaml");
  if (floors) return "";
  EXPECT_EQ(floors.error().id, ErrorId::bad_floors);
  return floors.error().message;
}

void expect_in(const std::string& message, std::string_view part) {
  EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' in:\n" << message;
}

TEST(Floors, AreOnlyEverLowered) {
  std::vector<DeviceFloors> floors;
  EXPECT_EQ(lower_floors(floors, "board", example(0.10)), 2u);  // linear, networks
  ASSERT_EQ(floors.size(), 1u);
  EXPECT_DOUBLE_EQ(floors[0].families.at("linear"), 0.11);
  EXPECT_DOUBLE_EQ(*floors[0].networks, 0.55);
  EXPECT_FALSE(floors[0].families.contains("softmax"));
  EXPECT_EQ(lower_floors(floors, "board", example(0.20)), 0u);
  EXPECT_EQ(lower_floors(floors, "board", example(0.05)), 1u);
  EXPECT_DOUBLE_EQ(floors[0].families.at("linear"), 0.055);
  EXPECT_EQ(lower_model_floor(floors, "board", 2, 0.04), 1u);
  EXPECT_EQ(lower_model_floor(floors, "board", 2, 0.05), 0u);
  EXPECT_DOUBLE_EQ(*floors[0].models, 0.044);
  const auto again = parse_floors(print(floors), "f.yaml");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(print(*again), print(floors));
}

TEST(Floors, WhatIsWorseBreaksThem) {
  std::vector<DeviceFloors> floors;
  lower_floors(floors, "board", example(0.10));
  const auto broken = [&](const Calibration& c) {
    std::string names;
    for (const FloorCheck& check : check_floors(floors[0], c))
      if (!check.holds()) names += check.what + " ";
    return names;
  };
  EXPECT_EQ(broken(example(0.10)), "");
  EXPECT_EQ(broken(example(0.12)), "linear ");
  Calibration c = example(0.10);
  c.families.erase(c.families.begin());
  EXPECT_EQ(broken(c), "linear ");  // it is not there any more
  c = example(0.10);
  c.network_residuals.assign(12, 0.7);
  EXPECT_EQ(broken(c), "networks ");
}

TEST(Floors, FaultsAreAllTold) {
  const std::string all = refusal(
      "schema: 1\nfloor: 2\nfloors:\n  - device: My board\n    families: {linar: 0.1}\n"
      "  - {device: b, threads: 1, models: -1}\n  - {device: b, threads: 1}\n");
  expect_in(all, "f.yaml:2: floor: there is no such key; did you mean floors?");
  expect_in(all, "f.yaml:4: floors[0].threads: is missing");
  expect_in(all, "f.yaml:4: floors[0].device: expected a word");
  expect_in(all,
            "f.yaml:5: floors[0].families.linar: there is no such family; did you mean linear");
  expect_in(all, "f.yaml:6: floors[1].models: expected a number from 0 to 100, where 0.05 is 5 %");
  expect_in(all, "f.yaml:7: floors[2]: b with 1 threads stands twice");
  expect_in(refusal("schema: 1\nfloors: []\n"), "expected a list");
  expect_in(refusal("7"), "expected `key: value` lines");
}

TEST(Floors, ThoseOfTheRegistryHold) {
  const auto floors = read_floors(HONE_SOURCE "/data/calibration/floors.yaml");
  ASSERT_TRUE(floors.ok()) << floors.error().message;
  size_t found = 0;
  for (const BuiltInCalibration& b : built_in_calibrations()) {
    const auto c = parse_calibration(b.text, std::string(b.file));
    ASSERT_TRUE(c.ok()) << describe(c.error());
    for (const DeviceFloors& f : *floors) {
      if (f.device != c->device || f.threads != c->machine.threads) continue;
      ++found;
      for (const FloorCheck& check : check_floors(f, *c))
        EXPECT_TRUE(check.holds()) << b.file << ": " << check.what << " "
                                   << check.error.value_or(-1) << " is above " << check.floor;
    }
  }
  EXPECT_EQ(found, floors->size()) << "floors without a calibration";
}

}  // namespace
}  // namespace hone::calibrate
