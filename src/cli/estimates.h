// How commands print estimates.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "cli/command.h"
#include "estimate/analysis.h"

namespace hone::cli {

// "61.2 ms", "55.9 to 67.1 ms", "8.18 G".
std::string time_text(double seconds);
std::string count_text(double count);
std::string energy_text(double joules);
std::string percent_text(double share);

// The names of a list with commas between.
std::vector<std::string> names_in(const std::string& text);

// {value, low, high, confidence, source}
void write_quantity(JsonWriter& json, std::string_view name, const estimate::Quantity& quantity);

// SYMBOL=SIZE as the bindings of dims; any name.
Result<Dim::Bindings> dim_bindings(const Arguments& arguments);

}  // namespace hone::cli
