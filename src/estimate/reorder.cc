#include "estimate/reorder.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace hone::estimate {
namespace {

// Steps that are looked at, at most: what a plan costs must stay below a run.
constexpr size_t kMostLooks = 4'000'000;

// Who has to come before whom, and who needs which block.
class Scheduler {
 public:
  Scheduler(const Workload& workload, const std::vector<ArenaBlock>& blocks)
      : w_(workload),
        graph_(workload.program->model().main()),
        blocks_(blocks),
        after_(workload.steps.size()),
        before_(workload.steps.size()),
        touches_(workload.steps.size()) {
    find_edges();
    find_touches();
  }

  // Forwards: of the steps that can run, the one that leaves least alive. Backwards: the same from
  // the end, of those that nothing that is left to run needs.
  std::vector<int32_t> greedy(bool backwards) const {
    const auto& next = backwards ? before_ : after_;
    std::vector<size_t> waits(w_.steps.size(), 0), left(blocks_.size(), 0);
    for (const auto& successors : next)
      for (const size_t s : successors) ++waits[s];
    for (const auto& touched : touches_)
      for (const size_t b : touched) ++left[b];
    const std::vector<size_t> all = left;
    std::set<size_t> ready;
    for (size_t s = 0; s < waits.size(); ++s)
      if (waits[s] == 0) ready.insert(s);
    std::vector<int32_t> order;
    size_t looks = 0;
    while (!ready.empty()) {
      looks += ready.size();
      if (looks > kMostLooks) return {};
      const size_t chosen = best_of(ready, left, all, backwards);
      ready.erase(chosen);
      order.push_back(int32_t(chosen));
      for (const size_t b : touches_[chosen]) --left[b];
      for (const size_t s : next[chosen])
        if (--waits[s] == 0) ready.insert(s);
    }
    if (backwards) std::ranges::reverse(order);
    return order;
  }

  std::vector<ArenaBlock> blocks_in(const std::vector<int32_t>& order) const {
    std::vector<ArenaBlock> blocks = blocks_;
    for (ArenaBlock& b : blocks) b.buffer.first = INT32_MAX, b.buffer.last = 0;
    for (size_t at = 0; at < order.size(); ++at)
      for (const size_t b : touches_[size_t(order[at])]) {
        blocks[b].buffer.first = std::min(blocks[b].buffer.first, int32_t(at));
        blocks[b].buffer.last = int32_t(at);
      }
    return blocks;
  }

  int64_t most_at_once() const {
    int64_t most = 0;
    for (const auto& touched : touches_) {
      int64_t bytes = 0;
      for (const size_t b : touched) bytes += blocks_[b].buffer.bytes;
      most = std::max(most, bytes);
    }
    return most;
  }

 private:
  // What is alive more after a step than before, then what it needs while it runs, then as it was.
  size_t best_of(const std::set<size_t>& ready, const std::vector<size_t>& left,
                 const std::vector<size_t>& all, bool backwards) const {
    size_t best = SIZE_MAX;
    std::pair<int64_t, int64_t> least;
    const auto look = [&](size_t s) {
      int64_t grows = 0, begins = 0;
      for (const size_t b : touches_[s]) {
        if (left[b] == all[b]) begins += blocks_[b].buffer.bytes;
        if (left[b] == 1) grows -= blocks_[b].buffer.bytes;
      }
      grows += begins;
      const std::pair cost{grows, begins};
      if (best == SIZE_MAX || cost < least) best = s, least = cost;
    };
    if (backwards)
      for (auto s = ready.rbegin(); s != ready.rend(); ++s) look(*s);
    else
      for (const size_t s : ready) look(s);
    return best;
  }

  void add_edge(size_t from, size_t to) {
    after_[from].push_back(to);
    before_[to].push_back(from);
  }

  void find_edges() {
    std::vector<size_t> made_by(graph_.value_count(), SIZE_MAX);
    step_of_.assign(graph_.node_capacity(), SIZE_MAX);
    for (size_t s = 0; s < w_.steps.size(); ++s) {
      const Node& node = graph_[w_.steps[s].node];
      step_of_[w_.steps[s].node.index] = s;
      for (const ValueId v : node.inputs)
        if (v.valid() && made_by[v.index] != SIZE_MAX) add_edge(made_by[v.index], s);
      for (const ValueId v : node.outputs)
        if (v.valid()) made_by[v.index] = s;
    }
    // Who writes over an input comes behind all others that read the same bytes.
    for (const ArenaBlock& block : blocks_)
      for (const size_t v : block.values) {
        const size_t taker = w_.arena_values[v].first;
        if (w_.plan->steps()[taker].in_place < 0) continue;
        for (const size_t other : block.values) {
          if (w_.arena_values[other].first >= taker) continue;
          for (const NodeId user : graph_[w_.arena_values[other].value].users)
            if (const size_t u = step_of_[user.index]; u != SIZE_MAX && u < taker)
              add_edge(u, taker);
        }
      }
  }

  void find_touches() {
    for (size_t b = 0; b < blocks_.size(); ++b)
      for (const size_t v : blocks_[b].values) {
        touches_[w_.arena_values[v].first].push_back(b);
        for (const NodeId user : graph_[w_.arena_values[v].value].users)
          if (const size_t u = step_of_[user.index]; u != SIZE_MAX) touches_[u].push_back(b);
      }
    for (auto& touched : touches_) {
      std::ranges::sort(touched);
      const auto rest = std::ranges::unique(touched);
      touched.erase(rest.begin(), rest.end());
    }
  }

  const Workload& w_;
  const Graph& graph_;
  const std::vector<ArenaBlock>& blocks_;
  std::vector<std::vector<size_t>> after_, before_, touches_;  // by step
  std::vector<size_t> step_of_;                                // by node
};

}  // namespace

Order reordered(const Workload& workload, const std::vector<ArenaBlock>& blocks) {
  Order best;
  best.steps.resize(workload.steps.size());
  std::iota(best.steps.begin(), best.steps.end(), 0);
  best.blocks = blocks;
  best.arena_bytes = planned(blocks).arena_bytes;
  const Scheduler scheduler(workload, blocks);
  for (const bool backwards : {false, true}) {
    Order other;
    other.steps = scheduler.greedy(backwards);
    if (other.steps.size() != workload.steps.size()) continue;
    other.blocks = scheduler.blocks_in(other.steps);
    other.arena_bytes = planned(other.blocks).arena_bytes;
    if (other.arena_bytes < best.arena_bytes) best = std::move(other);
  }
  return best;
}

int64_t least_of_any_order(const Workload& workload, const std::vector<ArenaBlock>& blocks) {
  return Scheduler(workload, blocks).most_at_once();
}

}  // namespace hone::estimate
