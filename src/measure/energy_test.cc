// Counters of energy on made-up folders, and on a library that plays NVML.
#include "measure/energy.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/scratch_folder.h"

namespace hone::measure {
namespace {

void zone(const ScratchFolder& folder, const std::string& id, const std::string& name,
          const std::string& energy) {
  std::filesystem::create_directories(folder / id);
  folder.write(id + "/name", name + "\n");
  folder.write(id + "/max_energy_range_uj", "262143328850\n");
  if (!energy.empty()) folder.write(id + "/energy_uj", energy + "\n");
}

EnergySensors powercap(const ScratchFolder& folder) {
  return find_energy_sensors({.powercap = folder.path()});
}

TEST(Energy, PackagesAndTheirMemory) {
  const ScratchFolder folder;
  zone(folder, "intel-rapl:0", "package-0", "5000000");
  zone(folder, "intel-rapl:0:0", "core", "3000000");  // a part of the package
  zone(folder, "intel-rapl:0:1", "dram", "1500000");
  zone(folder, "intel-rapl:1", "psys", "9000000");  // holds packages
  const EnergySensors sensors = powercap(folder);
  ASSERT_EQ(sensors.found.size(), 2u);
  EXPECT_TRUE(sensors.absent.empty());
  EXPECT_EQ(sensors.found[0].name, "package-0");
  EXPECT_EQ(sensors.found[1].name, "dram-0");
  EXPECT_DOUBLE_EQ(*sensors.found[0].joules(), 5);
  EXPECT_NEAR(sensors.found[0].range_j, 262143.32885, 1e-6);
  folder.write("intel-rapl:0/energy_uj", "5250000\n");
  EXPECT_DOUBLE_EQ(*sensors.found[0].joules(), 5.25);
  EXPECT_NEAR(energy_window(sensors.found), 0.1, 1e-9);
}

TEST(Energy, WhatIsAbsentSaysSo) {
  const ScratchFolder folder;
  ASSERT_EQ(powercap(folder).absent.size(), 1u);
  EXPECT_NE(powercap(folder).absent[0].find("there is no counter"), std::string::npos);
  zone(folder, "intel-rapl:0", "package-0", "");
  EXPECT_NE(powercap(folder).absent.at(0).find("cannot be read"), std::string::npos);
  zone(folder, "intel-rapl:0", "package-0", "12 apples");
  EXPECT_TRUE(powercap(folder).found.empty());
  const auto gpu = find_energy_sensors({.cpu = false, .gpu = true, .nvml = "libno-such-nvml.so.7"});
  EXPECT_TRUE(gpu.found.empty());
  EXPECT_EQ(gpu.absent.at(0), "gpu: there is no libno-such-nvml.so.7");
  const auto odd = find_energy_sensors({.cpu = false, .gpu = true, .nvml = "libm.so.6"});
  EXPECT_EQ(odd.absent.at(0), "gpu: libm.so.6 is of another kind");
}

TEST(Energy, Nvml) {
  const auto sensors = find_energy_sensors({.cpu = false, .gpu = true, .nvml = HONE_FAKE_NVML});
  ASSERT_EQ(sensors.found.size(), 1u);  // the other one does not count
  EXPECT_EQ(sensors.found[0].name, "gpu-1 Fake 2000");
  const double before = *sensors.found[0].joules();
  EXPECT_DOUBLE_EQ(*sensors.found[0].joules() - before, 0.25);
  EXPECT_NEAR(energy_window(sensors.found), 10, 1e-9);
}

TEST(Energy, CountersBeginAnew) {
  EXPECT_DOUBLE_EQ(joules_between(5, 7.5, 100), 2.5);
  EXPECT_DOUBLE_EQ(joules_between(98, 3, 100), 5);
  EXPECT_DOUBLE_EQ(joules_between(7, 5, 0), 0);
}

// Power as a function of what goes on; the time of the test is that of the clock.
struct Machine {
  double joules = 90, idle_w = 10;
  EnergySensor sensor() {
    return {"made up", 1e-5, 100, [this]() -> std::optional<double> {
              while (joules >= 100) joules -= 100;
              return joules;
            }};
  }
};

TEST(Energy, GrossAndNet) {
  Machine machine;
  const EnergySensor sensors[] = {machine.sensor()};
  bool settled = false;
  double idled = 0;
  const auto readings = measure_energy(
      sensors,
      [&]() -> Status {
        machine.joules += 20;  // past its range
        return ok();
      },
      [&] { settled = true; },
      [&](double seconds) {
        // As long as the clock says that idling took, which is what is divided by.
        idled += seconds;
      });
  ASSERT_TRUE(readings.ok());
  ASSERT_EQ(readings->size(), 1u);
  EXPECT_TRUE(settled);
  EXPECT_NEAR(idled, 2e-3, 1e-9);
  EXPECT_DOUBLE_EQ((*readings)[0].gross_j, 20);
  ASSERT_TRUE((*readings)[0].net_j.has_value());
  EXPECT_DOUBLE_EQ(*(*readings)[0].net_j, 20);  // it takes nothing when idle
}

TEST(Energy, NoNetWhereIdlingDiffers) {
  double joules = 0;
  int idles = 0;
  const EnergySensor sensors[] = {{"made up", 1e-5, 0, [&] { return std::optional(joules); }}};
  const auto readings = measure_energy(
      sensors,
      [&]() -> Status {
        joules += 20;
        return ok();
      },
      [] {}, [&](double) { joules += idles++ == 0 ? 1 : 1000; });
  ASSERT_TRUE(readings.ok());
  EXPECT_DOUBLE_EQ(readings->at(0).gross_j, 20);
  EXPECT_FALSE(readings->at(0).net_j.has_value());
}

TEST(Energy, ASensorThatIsGoneIsLeftOut) {
  int reads = 0;
  const EnergySensor sensors[] = {{"gone", 1e-5, 0, [&]() -> std::optional<double> {
                                     if (++reads > 2) return std::nullopt;
                                     return 1.0;
                                   }}};
  const auto readings =
      measure_energy(sensors, []() -> Status { return ok(); }, [] {}, [](double) {});
  ASSERT_TRUE(readings.ok());
  EXPECT_TRUE(readings->empty());
}

}  // namespace
}  // namespace hone::measure
