// Reads the file of a device: strict, with every fault of it in one message.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "hardware/device.h"

namespace hone {

inline constexpr size_t kMostDeviceFile = 1 << 20;  // bytes
inline constexpr int kDeviceSchema = 1;

// `file` is what messages call the text. Fails with `bad_device` ("FILE:LINE: KEY: what", a line
// for each fault): keys that are unknown, missing or of the wrong type, units of another dimension,
// values out of range, peaks without basis, figures without evidence, YAML anchors.
Result<Device> parse_device(std::string_view text, std::string_view file);

// The same of a file on disk.
Result<Device> read_device(const std::string& path);

// The value that a name of a formula has for a device: a figure, `cores` or `threads`.
std::optional<double> value_in_formula(const Device& device, std::string_view name);

}  // namespace hone
