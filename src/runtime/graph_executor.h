// Runs one graph of a program; nested graphs run through executors of their own.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/session.h"

namespace hone {

// What executors of one session share.
struct ExecutionContext {
  std::shared_ptr<const Program> program;
  ThreadPool* pool = nullptr;
  SessionOptions options;
  RunStatistics statistics;
  uint64_t calls = 0;  // runs of the session so far: varies the seed
  uint64_t runs = 0;   // of graphs in this call: every iteration of a loop draws anew
  int depth = 0;       // of nested graphs, now
};

class GraphExecutor : public GraphRunner {
 public:
  GraphExecutor(ExecutionContext& context, GraphId graph);

  // `states` is empty or holds the states' values; `next` gets the next ones. The results may share
  // bytes with inputs, states, constants and each other.
  Result<std::vector<Datum>> run(std::span<const Datum> inputs, const std::vector<Tensor>& states,
                                 std::vector<Tensor>& next);
  // For control-flow kernels: runs another graph.
  Result<std::vector<Datum>> run(GraphId graph, std::span<const Datum> inputs) override;

 private:
  struct Frame;
  Result<const Specialization*> specialize(std::span<const Datum> inputs,
                                           const std::vector<Tensor>& states);
  Status step(Frame& frame, size_t index);
  Status run_kernel(Frame& frame, size_t index, std::span<const Infer::Input> types,
                    const Types& out_types);
  Status run_dynamic(Frame& frame, size_t index);
  void own(Datum& datum);

  ExecutionContext& context_;
  const Graph& graph_;
  const Program::GraphPlan& plan_;
  std::map<std::string, std::unique_ptr<Specialization>> specializations_;  // by input types
  Tensor arena_;
  int64_t touched_ = 0;  // end of the highest byte of the arena used by this run
  bool busy_ = false;
  std::map<uint32_t, std::vector<std::unique_ptr<GraphExecutor>>> nested_;  // by graph; idle ones
};

}  // namespace hone
