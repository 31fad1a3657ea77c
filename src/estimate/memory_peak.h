// What makes the arena as large as it is, and what it would be if something were otherwise.
#pragma once

#include <string>
#include <vector>

#include "estimate/workload.h"

namespace hone::estimate {

struct LiveTensor {
  std::string name;
  int64_t bytes = 0;
  size_t first = 0, last = 0;  // steps: from the one that makes it to the last that needs it
  bool shares = false;         // lies in the place of another one that is alive
};

// A change, with the arena and the memory in all that the planner finds for it.
struct Remedy {
  std::string kind;  // "order", "activations_16_bit" …
  std::string what;  // a sentence without its end
  int64_t arena_bytes = 0, total_bytes = 0;
};

struct MemoryPeak {
  size_t step = 0;                  // the first where most of the arena is alive
  int64_t live_bytes = 0;           // there
  std::vector<LiveTensor> tensors;  // alive there, largest first
  int64_t least_any_order_bytes = 0;
  std::vector<Remedy> remedies;  // those that lower the memory, by how much
};

// Plans again for each remedy: nothing is guessed. A remedy says what memory would be, not whether
// results would be good enough, or who offers it.
MemoryPeak memory_peak(const Workload& workload);
// In its place by the memory in all; those that lower nothing are left out.
void add_remedy(MemoryPeak& peak, const Workload& workload, Remedy remedy);

}  // namespace hone::estimate
