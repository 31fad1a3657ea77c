// How commands print estimates.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
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

// Fails with `usage` where one of the flags was given that say nothing `when`: "with --table".
Status refuse_flags(const Arguments& arguments, std::initializer_list<std::string_view> flags,
                    std::string_view when);

// A number of seconds from `least` to `most`.
Result<double> seconds_of(const Arguments& arguments, std::string_view flag, double least,
                          double most);

// Fails with `usage` where two of these paths are one file. Empty ones are none.
Status refuse_same_file(std::initializer_list<std::pair<std::string_view, std::string>> files);

// SYMBOL=SIZE as the bindings of dims; any name.
Result<Dim::Bindings> dim_bindings(const Arguments& arguments);

}  // namespace hone::cli
