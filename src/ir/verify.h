// Checks the invariants of a model; they are numbered in verify.cc.
#pragma once

#include "base/result.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone {

enum class Phase : uint8_t { import, clean, compress, lower };

// Fails with `invalid_graph` naming the invariant, the graph and the node.
Status verify(const Model& model, const Catalogue& catalogue, Phase phase);

}  // namespace hone
