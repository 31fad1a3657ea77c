// From a model to the form that a backend takes.
#pragma once

#include <memory>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "hone/hone.h"
#include "ir/model.h"
#include "runtime/backend.h"

namespace hone {

// The phase of a lowered model.
inline constexpr std::string_view kLowered = "lower";

// The model in the form that the backend takes. One that is compiled already runs on the kernels it
// was compiled for, and on those of a backend that takes everything as it is. `path` is for
// messages.
Result<std::shared_ptr<const Model>> lower_for(const Backend& backend,
                                               const std::shared_ptr<const Model>& source,
                                               const std::string& path, const Limits& limits,
                                               const v1::CompileOptions& options, ThreadPool& pool);

}  // namespace hone
