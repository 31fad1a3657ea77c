#include "estimate/arena_blocks.h"

#include <algorithm>
#include <numeric>

namespace hone::estimate {
namespace {

class Sets {
 public:
  explicit Sets(size_t count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), size_t{0});
  }
  size_t find(size_t a) {
    for (; parent_[a] != a; a = parent_[a]) parent_[a] = parent_[parent_[a]];
    return a;
  }
  // The one that was made first stands for both.
  void join(size_t a, size_t b) {
    a = find(a), b = find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<size_t> parent_;
};

// The planner keeps buffers that are alive together apart, so values that are and overlap are parts
// of one.
void join_overlapping(const std::vector<ArenaValue>& values, Sets& sets) {
  std::vector<size_t> alive;
  for (size_t i = 0; i < values.size(); ++i) {
    const ArenaValue& made = values[i];
    std::erase_if(alive, [&](size_t other) { return values[other].last < made.first; });
    for (const size_t other : alive) {
      const ArenaValue& o = values[other];
      if (o.offset < made.offset + made.bytes && made.offset < o.offset + o.bytes)
        sets.join(i, other);
    }
    alive.push_back(i);
  }
}

}  // namespace

std::vector<ArenaBlock> blocks_of(const Workload& workload) {
  const auto& values = workload.arena_values;
  Sets sets(values.size());
  join_overlapping(values, sets);
  std::vector<ArenaBlock> blocks;
  std::vector<size_t> block_of(values.size(), SIZE_MAX);
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (size_t i = 0; i < values.size(); ++i) {
    const ArenaValue& v = values[i];
    const DType dtype = workload.plan->type(v.value).tensor.dtype;
    size_t& at = block_of[sets.find(i)];
    if (at == SIZE_MAX) {
      at = blocks.size();
      blocks.push_back({{0, int32_t(v.first), int32_t(v.last)}, {}, dtype});
      ranges.emplace_back(v.offset, v.offset + v.bytes);
    }
    ArenaBlock& block = blocks[at];
    block.values.push_back(i);
    block.buffer.last = std::max(block.buffer.last, int32_t(v.last));
    if (block.dtype && *block.dtype != dtype) block.dtype.reset();
    ranges[at] = {std::min(ranges[at].first, v.offset),
                  std::max(ranges[at].second, v.offset + v.bytes)};
  }
  for (size_t b = 0; b < blocks.size(); ++b)
    blocks[b].buffer.bytes = ranges[b].second - ranges[b].first;
  return blocks;
}

Placement planned(const std::vector<ArenaBlock>& blocks) {
  std::vector<Buffer> buffers;
  for (const ArenaBlock& b : blocks) buffers.push_back(b.buffer);
  // What has been planned once fits the limits of the planner.
  auto placement = place(buffers, INT64_MAX);
  return placement.ok() ? placement.take() : Placement{};
}

}  // namespace hone::estimate
