#include "planner/planner.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <queue>

#include "base/text.h"
#include "planner/free_list.h"

namespace hone {
namespace {

int64_t round_up(int64_t n, int64_t alignment) {
  return (n + alignment - 1) / alignment * alignment;
}

// No arena is this large: sums of two sizes below it do not overflow.
constexpr int64_t kMostBytes = int64_t{1} << 60;

Error too_large(int64_t needed, int64_t limit) {
  return fail(ErrorId::over_memory, "the activations need at least " +
                                        human_bytes(uint64_t(needed)) + "; the limit is " +
                                        human_bytes(uint64_t(limit)));
}

// Of buffers that have places: those alive together fit the arena, so no sum overflows.
int64_t peak_live(std::span<const Buffer> buffers) {
  std::map<int32_t, int64_t> change;
  for (const Buffer& b : buffers) {
    change[b.first] += b.bytes;
    change[b.last + 1] -= b.bytes;
  }
  int64_t live = 0, peak = 0;
  for (const auto& [step, bytes] : change) peak = std::max(peak, live += bytes);
  return peak;
}

// Intervals already placed, in an order that lets queries skip what lies elsewhere in time.
class Timeline {
 public:
  explicit Timeline(int32_t steps) : buckets_(size_t(steps / kWidth + 1)) {}

  void add(uint32_t id, const Buffer& b) {
    int32_t k = b.first / kWidth;
    buckets_[size_t(k)].begun.push_back(id);
    while (++k <= b.last / kWidth) buckets_[size_t(k)].begun_before.push_back(id);
  }
  static int64_t entries(const Buffer& b) { return b.last / kWidth - b.first / kWidth + 1; }
  // Ids that may be alive together with b; each once: what had begun before, then what begins.
  void overlapping(const Buffer& b, std::vector<uint32_t>& out) const {
    out = buckets_[size_t(b.first / kWidth)].begun_before;
    for (int32_t k = b.first / kWidth; k <= b.last / kWidth; ++k) {
      const std::vector<uint32_t>& begun = buckets_[size_t(k)].begun;
      out.insert(out.end(), begun.begin(), begun.end());
    }
  }

 private:
  static constexpr int32_t kWidth = 64;  // steps in a bucket
  struct Bucket {
    std::vector<uint32_t> begun, begun_before;
  };
  std::vector<Bucket> buckets_;
};

// Beyond this much, placing by size would take longer than the run it plans.
constexpr int64_t kMostWork = 20'000'000;

// What placing by size would compare and keep, at most: pairs of buffers alive together, and
// entries of the timeline. Cheap to count.
int64_t work_by_size(std::span<const Buffer> buffers) {
  std::map<int32_t, int64_t> change, starts;
  int64_t live = 0, work = 0;
  for (const Buffer& b : buffers) {
    ++change[b.first];
    --change[b.last + 1];
    ++starts[b.first];
    work += Timeline::entries(b);
  }
  for (const auto& [step, delta] : change) {
    live += delta;
    if (auto it = starts.find(step); it != starts.end()) work += it->second * live;
  }
  return work;
}

Status place_by_size(std::span<const Buffer> buffers, int64_t limit, int64_t alignment,
                     Placement& placement) {
  std::vector<uint32_t> by_size(buffers.size());
  std::iota(by_size.begin(), by_size.end(), 0);
  std::stable_sort(by_size.begin(), by_size.end(), [&](uint32_t a, uint32_t b) {
    if (buffers[a].bytes != buffers[b].bytes) return buffers[a].bytes > buffers[b].bytes;
    return buffers[a].first < buffers[b].first;
  });
  int32_t last_step = 0;
  for (const Buffer& b : buffers) last_step = std::max(last_step, b.last);
  Timeline timeline(last_step + 1);
  std::vector<uint32_t> near;
  std::vector<std::pair<int64_t, int64_t>> taken;  // [begin, end) of buffers alive together
  for (uint32_t id : by_size) {
    const Buffer& b = buffers[id];
    if (b.bytes == 0) continue;
    timeline.overlapping(b, near);
    taken.clear();
    for (uint32_t other : near) {
      const Buffer& o = buffers[other];
      if (o.first <= b.last && b.first <= o.last)
        taken.emplace_back(placement.offsets[other], placement.offsets[other] + o.bytes);
    }
    std::sort(taken.begin(), taken.end());
    int64_t at = 0;
    for (const auto& [begin, end] : taken) {
      if (begin - at >= b.bytes) break;
      at = std::max(at, round_up(end, alignment));
    }
    if (at + b.bytes > limit) return too_large(at + b.bytes, limit);
    placement.offsets[id] = at;
    placement.arena_bytes = std::max(placement.arena_bytes, at + b.bytes);
    timeline.add(id, b);
  }
  return ok();
}

// For very many buffers alive together: in the order of time, best fit.
Status place_in_order(std::span<const Buffer> buffers, int64_t limit, int64_t alignment,
                      Placement& placement) {
  std::vector<uint32_t> by_time(buffers.size());
  std::iota(by_time.begin(), by_time.end(), 0);
  std::stable_sort(by_time.begin(), by_time.end(),
                   [&](uint32_t a, uint32_t b) { return buffers[a].first < buffers[b].first; });
  FreeList arena;
  std::priority_queue<std::pair<int32_t, uint32_t>, std::vector<std::pair<int32_t, uint32_t>>,
                      std::greater<>>
      alive;  // by last step
  for (uint32_t id : by_time) {
    const Buffer& b = buffers[id];
    if (b.bytes == 0) continue;
    for (; !alive.empty() && alive.top().first < b.first; alive.pop()) {
      const uint32_t old = alive.top().second;
      arena.give(placement.offsets[old], round_up(buffers[old].bytes, alignment));
    }
    placement.offsets[id] = arena.take(round_up(b.bytes, alignment));
    const int64_t end = placement.offsets[id] + b.bytes;
    if (end > limit) return too_large(end, limit);
    placement.arena_bytes = std::max(placement.arena_bytes, end);
    alive.emplace(b.last, id);
  }
  return ok();
}

}  // namespace

Result<Placement> place(std::span<const Buffer> buffers, uint64_t limit, int64_t alignment) {
  const auto most = int64_t(std::min<uint64_t>(limit, kMostBytes));
  for (const Buffer& b : buffers)
    if (b.bytes > most) return too_large(b.bytes, most);
  Placement placement;
  placement.offsets.assign(buffers.size(), 0);
  TRY(work_by_size(buffers) <= kMostWork ? place_by_size(buffers, most, alignment, placement)
                                         : place_in_order(buffers, most, alignment, placement));
  placement.peak_live_bytes = peak_live(buffers);
  return placement;
}

}  // namespace hone
