// Which calibration stands for a CPU that has none.
#include "calibrate/calibrations.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "calibrate/profile.h"
#include "estimate/interpolation.h"
#include "hardware/registry.h"

namespace hone::calibrate {
namespace {

class Nearest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("hone_calibrations_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_ / "hone/calibration");
    setenv("XDG_DATA_HOME", folder_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("XDG_DATA_HOME");
    std::filesystem::remove_all(folder_);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / "hone/calibration" / name) << text;
  }
  static Device device_of(const std::string& id) { return DeviceRegistry("").find(id).take(); }

  std::filesystem::path folder_;
};

TEST_F(Nearest, OfTheSameKind) {
  const auto one = nearest_calibration(device_of("amd_ryzen_9_8945hs"), 1),
             many = nearest_calibration(device_of("amd_ryzen_9_8945hs"), 8);
  ASSERT_TRUE(one.ok() && one->has_value()) << describe(one.error());
  ASSERT_TRUE(many.ok() && many->has_value());
  EXPECT_EQ((*one)->machine.threads, 1);
  EXPECT_GT((*many)->machine.threads, 1);
  for (const char* other : {"raspberry_pi_5", "nvidia_t4", "st_stm32h743"}) {
    const auto none = nearest_calibration(device_of(other), 1);
    ASSERT_TRUE(none.ok());
    EXPECT_FALSE(none->has_value()) << other;
  }
}

// Of two that are as near, the user's.
TEST_F(Nearest, TheUsersComeFirst) {
  for (const BuiltInCalibration& b : built_in_calibrations()) {
    if (b.file.find("_t1") == std::string_view::npos) continue;
    std::string text(b.text);
    const size_t at = text.find("\"cpu\":");
    ASSERT_NE(at, std::string::npos);
    const size_t open = text.find('"', at + 6), close = text.find('"', open + 1);
    text.replace(open + 1, close - open - 1, "My CPU");
    write("mine.json", text);
  }
  const auto one = nearest_calibration(device_of("amd_ryzen_9_8945hs"), 1);
  ASSERT_TRUE(one.ok() && one->has_value());
  EXPECT_EQ((*one)->cpu, "My CPU");
}

TEST_F(Nearest, ABrokenFileIsNamed) {
  write("broken.json", "{");
  const auto result = nearest_calibration(device_of("amd_ryzen_9_8945hs"), 1);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(describe(result.error()).find("broken.json"), std::string::npos);
}

TEST_F(Nearest, WithoutAHomeThereIsNoPath) {
  setenv("XDG_DATA_HOME", "relative", 1);
  const char* home = std::getenv("HOME");
  const std::string kept = home ? home : "";
  for (const char* none : {"", "not/absolute"}) {
    setenv("HOME", none, 1);
    EXPECT_EQ(user_calibration_folder(), "");
    EXPECT_EQ(calibration_path("AuthenticAMD", 1), "");
    const auto c = calibration_of("no such CPU", 1);
    ASSERT_TRUE(c.ok());
    EXPECT_FALSE(c->has_value());
  }
  setenv("HOME", kept.c_str(), 1);
}

// Folders that cannot be looked into have no calibrations.
TEST_F(Nearest, UnusableFoldersHaveNone) {
  std::filesystem::create_symlink(folder_ / "loop", folder_ / "loop");
  for (const std::string& data :
       {(folder_ / "loop").string(), "/" + std::string(5000, 'x'), std::string("/proc/1/root")}) {
    SCOPED_TRACE(data.substr(0, 60));
    setenv("XDG_DATA_HOME", data.c_str(), 1);
    const auto own = calibration_of("no such CPU", 1);
    ASSERT_TRUE(own.ok()) << describe(own.error());
    EXPECT_FALSE(own->has_value());
    EXPECT_TRUE(nearest_calibration(device_of("amd_ryzen_9_8945hs"), 1).ok());
  }
}

}  // namespace
}  // namespace hone::calibrate
