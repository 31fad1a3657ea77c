// The smallest way to run a model: the reference kernels one by one, each result compared with what
// inference said. Independent of the runtime, so that the runtime can be tested against it.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone::testing {

// Called after each node with its inference view for the actual inputs, the types inferred from
// them, and the outputs.
using Observe = std::function<void(const Graph& graph, NodeId node, const Infer& c,
                                   const Types& inferred, std::span<const Datum> out)>;

// Bytes that one output may take, unless said otherwise.
inline constexpr uint64_t kMemoryLimit = uint64_t{1} << 28;

// Runs the entry graph, or `graph`; states are zero or their initial value and are not kept.
Result<std::vector<Datum>> evaluate(const Model& model, const Catalogue& catalogue,
                                    std::span<const Datum> inputs, const Observe& observe = {},
                                    uint64_t memory_limit = kMemoryLimit);
Result<std::vector<Datum>> evaluate(const Model& model, GraphId graph, const Catalogue& catalogue,
                                    std::span<const Datum> inputs, const Observe& observe = {},
                                    uint64_t memory_limit = kMemoryLimit);

}  // namespace hone::testing
