// Other orders of execution: the same steps, what they need before them, for a smaller arena.
#pragma once

#include <cstdint>
#include <vector>

#include "estimate/arena_blocks.h"

namespace hone::estimate {

struct Order {
  std::vector<int32_t> steps;      // by position: which step runs
  std::vector<ArenaBlock> blocks;  // alive from when to when, by position
  int64_t arena_bytes = 0;
};

// The best of a few greedy orders, which keep the places that are shared: it may not be the best
// there is. The order as it stands where none is better, or where looking would take long.
Order reordered(const Workload& workload, const std::vector<ArenaBlock>& blocks);

// What some step needs at once: no order gets by with less.
int64_t least_of_any_order(const Workload& workload, const std::vector<ArenaBlock>& blocks);

}  // namespace hone::estimate
