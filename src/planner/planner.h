// Places buffers with lifetimes at offsets of one arena. A pure function: no machine, no graph.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace hone {

// Alive from step `first` to step `last`, both included.
struct Buffer {
  int64_t bytes = 0;
  int32_t first = 0, last = 0;
};

struct Placement {
  std::vector<int64_t> offsets;  // one for each buffer, multiples of the alignment
  int64_t arena_bytes = 0;       // end of the highest buffer
  int64_t peak_live_bytes = 0;   // the most that is alive at one step: no placement can do better
};

// Greedy by size (largest first, then earliest): each buffer takes the lowest gap between the
// buffers already placed that are alive at the same time (Pisarchyk & Lee 2020). Buffers that are
// alive together never overlap. Where very many are, in the order of time and by best fit instead.
// Fails with `over_memory` where a buffer, or the arena, would be larger than `limit`.
Result<Placement> place(std::span<const Buffer> buffers, uint64_t limit, int64_t alignment = 64);

}  // namespace hone
