// The memory of a fresh process that runs a model, for `hone validate`.
#pragma once

#include <vector>

#include "calibrate/model_timer.h"
#include "cli/command.h"

namespace hone::cli {

// The most that was resident in a `hone worker` that opened each model and ran it. NaN where it
// cannot be fed: inputs and outputs have to be tensors of numbers.
Result<std::vector<double>> measured_memory(const std::vector<calibrate::TimedModel>& models,
                                            const Arguments& arguments, int threads,
                                            ThreadPool& pool);

}  // namespace hone::cli
