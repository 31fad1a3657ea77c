// What operators that move elements share.
#pragma once

#include "backends/cpu/cpu.h"
#include "ops/movement.h"

namespace hone::cpu {

// Elements of a whole number of bytes.
Support whole_bytes(const Graph& graph, const Node& node);
size_t width_of(const Tensor& t);

}  // namespace hone::cpu
