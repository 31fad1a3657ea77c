// Runs a program: inputs to outputs, with states carried from call to call.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "base/trace.h"
#include "ir/tensor.h"
#include "runtime/program.h"
#include "runtime/specialization.h"

namespace hone {

// What the last run took.
struct RunStatistics {
  int64_t planned_arena_bytes = 0;   // of the entry graph's plan
  int64_t measured_arena_bytes = 0;  // end of the highest byte that a step was given in its arena
  // Of the executors of nested graphs, which keep their arenas between runs.
  int64_t nested_planned_bytes = 0, nested_measured_bytes = 0;
  size_t planned_steps = 0, dynamic_steps = 0;
  size_t specializations = 0;  // made so far, over all graphs
};

// How long one step of the entry graph took, on the calling thread.
struct StepTime {
  NodeId node;
  int64_t wall_ns = 0;
  int64_t cpu_ns = 0;  // of the thread: less than the other where something else ran
};

struct SessionOptions {
  uint64_t seed = 0;                            // of random operators
  Trace* trace = nullptr;                       // records one span for each node
  std::vector<StepTime>* step_times = nullptr;  // gets one entry for each step of the entry graph
};

// Not safe for concurrent calls; make one session for each thread, they share the program.
class Session {
 public:
  using Options = SessionOptions;
  Session(std::shared_ptr<const Program> program, ThreadPool& pool, Options options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  // Inputs in the order of the entry graph. Fails with `bad_data` when they do not fit. Where it
  // fails while running, states that are updated in their place (caches) may hold parts of what
  // they would have become.
  Result<std::vector<Datum>> run(std::span<const Datum> inputs);

  // States: back to their initial values; a copy that goes on alone; out and in.
  void reset();
  Result<Session> fork() const;
  std::vector<Tensor> snapshot() const;
  Status restore(const std::vector<Tensor>& states);
  // Binds symbols of states that no input fixes (a cache's capacity); before the first run.
  Status bind(const Dim::Bindings& bindings);

  const Program& program() const;
  RunStatistics statistics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone
