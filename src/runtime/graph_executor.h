// Runs one graph of a program; nested graphs run through executors of their own.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/memory_pool.h"
#include "base/result.h"
#include "runtime/session.h"

namespace hone {

class GraphExecutor;

// What executors of one session share.
struct ExecutionContext {
  std::shared_ptr<const Program> program;
  ThreadPool* pool = nullptr;
  SessionOptions options;
  RunStatistics statistics;
  uint64_t calls = 0;                    // runs of the session so far: varies the seed
  uint64_t runs = 0;                     // of graphs in this call: every iteration draws anew
  std::shared_ptr<MemoryBudget> memory;  // of this call
  uint64_t arena_bytes = 0;              // of all executors, idle ones too; taken from `memory`
  // Intermediate values of kernels, and what outlives a run; both count in `memory`.
  std::shared_ptr<MemoryPool> scratch = std::make_shared<MemoryPool>();
  std::shared_ptr<MemoryPool> results = std::make_shared<MemoryPool>();
  std::vector<GraphExecutor*> active;  // in this call, outermost first
};

class GraphExecutor : public GraphRunner {
 public:
  GraphExecutor(ExecutionContext& context, GraphId graph);
  ~GraphExecutor() override;
  GraphExecutor(const GraphExecutor&) = delete;
  GraphExecutor& operator=(const GraphExecutor&) = delete;

  // `states` is empty or holds the states' values; `next` gets the next ones. The results may share
  // bytes with inputs, states, constants and each other.
  Result<std::vector<Datum>> run(std::span<const Datum> inputs, const std::vector<Tensor>& states,
                                 std::vector<Tensor>& next);
  // For control-flow kernels: runs another graph.
  Result<std::vector<Datum>> run(GraphId graph, std::span<const Datum> inputs) override;
  // Adds the arenas of nested graphs: as large as they are, and as far as they were used.
  void add_nested_arenas(int64_t& planned, int64_t& measured) const;
  // Frees what does not run now: executors of nested graphs, their arenas, the own arena.
  void drop_idle();

 private:
  class Running;
  Result<const Specialization*> specialize(std::span<const Datum> inputs,
                                           const std::vector<Tensor>& states);
  Status make_arena(int64_t bytes);
  void free_arena();
  Status step(size_t index);
  Status run_kernel(size_t index, std::span<const Infer::Input> types, const Types& out_types);
  Status run_dynamic(size_t index);
  Tensor place_for(size_t index, size_t slot, const Type& type);
  Status own(Datum& datum);
  Status expect_room_for_items(std::span<const Datum* const> in, const Types& out_types) const;
  Status keep(uint32_t value, Datum datum);
  void drop(uint32_t value);

  ExecutionContext& context_;
  const Graph& graph_;
  const Program::GraphPlan& plan_;
  std::string key_;  // of the input types of this run
  std::map<std::string, std::unique_ptr<Specialization>> specializations_;  // by key
  std::map<uint32_t, std::vector<std::unique_ptr<GraphExecutor>>> nested_;  // by graph; idle ones
  Tensor arena_;
  // Of this run. Between runs all values are empty but the constants.
  std::vector<Datum> values_;
  std::map<uint32_t, uint64_t> overheads_;  // of values that are no tensors: taken from the budget
  const Specialization* special_ = nullptr;
  uint64_t run_ = 0;          // which run of a graph in this call of the session
  int64_t touched_ = 0;       // end of the highest byte of the arena used
  int64_t most_touched_ = 0;  // of all runs
};

}  // namespace hone
