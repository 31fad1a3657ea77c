// Models of shapes by name as GGUF files: for measuring other engines on the same file.
#pragma once

#include <string>

#include "api/shapes.h"
#include "base/thread_pool.h"
#include "compress/quantize.h"

namespace hone {

// The format in which weights are made where the name says none: enough bits that those of the file
// are not blocks of blocks, and half of the memory of f32.
inline constexpr std::string_view kFormatToQuantize = "f16";

// Fails with `over_memory` where the weights of the shape's format do not fit. `output` may be
// empty for a dry run.
Result<compress::QuantizeReport> quantize_shape(const NamedShapeModel& shape,
                                                const std::string& output,
                                                const compress::QuantizeOptions& options,
                                                const Limits& limits, ThreadPool& pool);

}  // namespace hone
