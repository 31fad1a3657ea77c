// Whether the figures of a device are plausible: what a schema cannot say.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hardware/device.h"

namespace hone {

struct Finding {
  enum class Severity : uint8_t { warning, error };
  Severity severity;
  std::string_view rule;
  std::string file;
  int line;           // 0 where the device has no file
  std::string field;  // the key that it is about
  std::string message;
};

class CheckNotes;
struct CheckRule {
  std::string_view name, doc;
  void (*check)(const Device& device, CheckNotes& notes);
};
std::span<const CheckRule> all_check_rules();

// Findings of all rules, in the order of the lines. Errors are figures that cannot be right
// together, warnings those that deserve a second look.
std::vector<Finding> check_device(const Device& device);

}  // namespace hone
