// Operators that only cut or join, where the pieces, or their rows, are contiguous: nothing has to
// be copied.
#pragma once

#include <optional>
#include <vector>

#include "ir/op.h"

namespace hone {

// For types that are all fixed. Where each output lies within input 0, in bytes, if every output is
// a contiguous part of it as it stands.
std::optional<std::vector<int64_t>> parts_of_input(const Infer& c, const Types& out);
// Where each input lies within output 0, in bytes, if the inputs are contiguous parts of it.
std::optional<std::vector<int64_t>> parts_of_output(const Infer& c, const Types& out);
// Where the first row of the last axis of each input lies within output 0, in bytes, if each row of
// the output is made of a row of each input.
std::optional<std::vector<int64_t>> rows_of_output(const Infer& c, const Types& out);

}  // namespace hone
