// How commands print estimates.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "estimate/analysis.h"
#include "report/figures.h"

namespace hone::cli {

using report::count_text;
using report::energy_text;
using report::percent_text;
using report::time_text;
using report::write_quantity;

// The names of a list with commas between.
std::vector<std::string> names_in(const std::string& text);

// SYMBOL=SIZE as the bindings of dims; any name.
Result<Dim::Bindings> dim_bindings(const Arguments& arguments);

}  // namespace hone::cli
