// Folders of the user by the environment.
#include "base/user_folder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace hone {
namespace {

class UserFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"XDG_DATA_HOME", "HOME"})
      if (const char* value = std::getenv(name)) kept_.emplace_back(name, value);
  }
  void TearDown() override {
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    for (const auto& [name, value] : kept_) setenv(name, value.c_str(), 1);
  }
  static std::string folder(const char* data, const char* home) {
    setenv("XDG_DATA_HOME", data, 1);
    setenv("HOME", home, 1);
    return user_data_folder("calibration");
  }
  std::vector<std::pair<const char*, std::string>> kept_;
};

TEST_F(UserFolder, PathsThatAreNotAbsoluteCountAsNone) {
  EXPECT_EQ(folder("/data", "/people/me"), "/data/hone/calibration");
  EXPECT_EQ(folder("", "/people/me"), "/people/me/.local/share/hone/calibration");
  EXPECT_EQ(folder("data", "/people/me"), "/people/me/.local/share/hone/calibration");
  EXPECT_EQ(folder("", "me"), "");
  EXPECT_EQ(folder("data", ""), "");
  unsetenv("XDG_DATA_HOME");
  unsetenv("HOME");
  EXPECT_EQ(user_data_folder("calibration"), "");
}

}  // namespace
}  // namespace hone
