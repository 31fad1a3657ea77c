// Calibrations as files: one JSON document each, in the registry or in the user's folder.
#pragma once

#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "estimate/calibration.h"

namespace hone::calibrate {

std::string print(const estimate::Calibration& calibration);
// Strict: unknown members and families, wrong kinds, numbers out of range and texts that a terminal
// would not take as such are refused, with `path` and the name of the member.
Result<estimate::Calibration> parse_calibration(std::string_view text, const std::string& path,
                                                const Limits& limits = {});

}  // namespace hone::calibrate
