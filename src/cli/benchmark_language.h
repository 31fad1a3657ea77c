// `hone benchmark` of language models: tokens a second of reading a prompt and of going on.
#pragma once

#include <vector>

#include "cli/command.h"

namespace hone::cli {

// --prefill, --decode, --depth.
std::vector<Flag> language_benchmark_flags();
// Is one of them given?
bool measures_language(const Arguments& arguments);
// With each number of threads.
Result<int> benchmark_language(const Arguments& arguments, const std::vector<int>& threads);

}  // namespace hone::cli
