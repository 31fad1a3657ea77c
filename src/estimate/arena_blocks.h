// The buffers that the plan of an arena is made of: what shares bytes while it is alive is one.
#pragma once

#include <optional>
#include <vector>

#include "estimate/workload.h"
#include "planner/planner.h"

namespace hone::estimate {

// Values that show, take over or lie within each other, as one buffer.
struct ArenaBlock {
  Buffer buffer;
  std::vector<size_t> values;  // of Workload::arena_values, in the order of being made
  std::optional<DType> dtype;  // where all are of one
};

std::vector<ArenaBlock> blocks_of(const Workload& workload);
// The arena that the planner makes of them, and the most that is alive at one step.
Placement planned(const std::vector<ArenaBlock>& blocks);

}  // namespace hone::estimate
