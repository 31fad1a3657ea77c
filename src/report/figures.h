// How figures are written: numbers with units for readers, members of JSON for programs.
#pragma once

#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "estimate/quantity.h"

namespace hone::report {

// "61.2 ms", "8.18 G", "1.2 mJ", "27 %".
std::string time_text(double seconds);
std::string count_text(double count);
std::string energy_text(double joules);
std::string percent_text(double share);
std::string bytes_text(double bytes);
// "a to b" of the 90 % interval; "a or more" where it is open.
std::string interval_text(const estimate::Quantity& quantity, std::string (*text)(double));

// "61.2 ms", or "at least 61.2 ms".
std::string bound_text(const estimate::Quantity& quantity, std::string (*text)(double));

// {value, low, high, confidence, source}; an open end is null
void write_quantity(JsonWriter& json, std::string_view name, const estimate::Quantity& quantity);

}  // namespace hone::report
