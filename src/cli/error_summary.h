// Errors of estimates, in JSON.
#pragma once

#include <string_view>

#include "base/json_writer.h"
#include "calibrate/published/errors.h"

namespace hone::cli {

// The members of an object that is open.
void write_members(JsonWriter& json, const calibrate::ErrorSummary& summary);
// An object of its own.
void write_summary(JsonWriter& json, std::string_view key, const calibrate::ErrorSummary& summary);

}  // namespace hone::cli
