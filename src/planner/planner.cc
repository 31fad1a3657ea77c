#include "planner/planner.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace hone {
namespace {

int64_t round_up(int64_t n, int64_t alignment) { return (n + alignment - 1) / alignment * alignment; }

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
    for (int32_t k = b.first / kWidth; k <= b.last / kWidth; ++k) buckets_[size_t(k)].push_back(id);
  }
  // Ids that may be alive together with b; each once.
  void overlapping(const Buffer& b, std::vector<uint32_t>& out) const {
    out.clear();
    for (int32_t k = b.first / kWidth; k <= b.last / kWidth; ++k)
      out.insert(out.end(), buckets_[size_t(k)].begin(), buckets_[size_t(k)].end());
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
  }

 private:
  static constexpr int32_t kWidth = 64;  // steps in a bucket
  std::vector<std::vector<uint32_t>> buckets_;
};

}  // namespace

Placement place(std::span<const Buffer> buffers, int64_t alignment) {
  Placement placement;
  placement.offsets.assign(buffers.size(), 0);
  placement.peak_live_bytes = peak_live(buffers);
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
    placement.offsets[id] = at;
    placement.arena_bytes = std::max(placement.arena_bytes, at + b.bytes);
    timeline.add(id, b);
  }
  return placement;
}

}  // namespace hone
