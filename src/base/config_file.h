// What a configuration file says, before it is compared with the settings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone {

struct ConfigEntry {
  enum class Kind : uint8_t { plain, quoted, list, nothing };
  std::string key;  // joined by dots
  std::string text;
  Kind kind = Kind::plain;
  int line = 0;  // from 1
};

// The leaves of a YAML or JSON document in its order. Refuses anything but one map of maps,
// duplicate keys, aliases, and more than a few thousand leaves.
Result<std::vector<ConfigEntry>> read_config(std::string_view text, const std::string& name);

}  // namespace hone
