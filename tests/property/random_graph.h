// Random well-typed graphs: every node is a call that the builder accepted.
#pragma once

#include "ir/model.h"
#include "support/data.h"

namespace hone::testing {

struct GraphSpec {
  int nodes = 24;
  bool symbols = false;  // some input extents are symbols
  bool control = false;  // with an `if` over two small graphs
};

// The same model for the same seed. Inputs are f32, i64 and bool tensors of small shapes; there are
// one to four outputs, and some nodes that nothing needs.
Model random_model(uint64_t seed, const GraphSpec& spec = {});

}  // namespace hone::testing
