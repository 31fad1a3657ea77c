#include "base/user_folder.h"

#include <cstdlib>

namespace hone {
namespace {

std::string absolute(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value == '/' ? value : "";
}

}  // namespace

std::string user_data_folder(std::string_view name) {
  std::string folder = absolute("XDG_DATA_HOME");
  if (folder.empty()) {
    folder = absolute("HOME");
    if (folder.empty()) return {};
    folder += "/.local/share";
  }
  return folder + "/hone/" + std::string(name);
}

}  // namespace hone
