// `hone benchmark --suite`: all cases of a suite, by the protocol for machines that do other things
// too, into the registry of measurements.
#pragma once

#include <vector>

#include "cli/command.h"

namespace hone::cli {

std::vector<Flag> suite_flags();
// Does the command line ask for suites?
bool measures_suite(const Arguments& arguments);
// `counts`: numbers of threads that --sweep-threads or --threads asks for; empty where nothing
// does.
Result<int> benchmark_suite(const Arguments& arguments, const std::vector<int>& counts);

}  // namespace hone::cli
