// How much of a tensor a step needs at a time, if it works through it piece by piece.
#pragma once

#include <optional>

#include "estimate/workload.h"

namespace hone::estimate {

// Bytes of the lines under a window, or of a row: what would have to lie between this step and the
// one that makes its first input, were they one. None where the step needs all of it before it
// gives anything, or where nobody knows.
std::optional<int64_t> band_bytes(const Step& step, const Model& model);

}  // namespace hone::estimate
