// A model bound to backends: kernels for all nodes, constants read once. Shared by sessions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "ir/model.h"
#include "runtime/backend.h"

namespace hone {

class Program {
 public:
  // `backends` in order of preference; each node goes to the first that supports it. They must
  // outlive the program. Fails when a node is supported by none.
  static Result<std::shared_ptr<const Program>> make(std::shared_ptr<const Model> model,
                                                     std::vector<const Backend*> backends,
                                                     const Limits& limits);

  // What one graph needs to run.
  struct GraphPlan {
    std::vector<NodeId> order;
    std::vector<std::unique_ptr<Kernel>> kernels;  // by position in `order`
    std::vector<uint8_t> backend;                  // index into backends(), by position
    std::vector<int32_t> last_use;                 // by value: position of the last user; -1 none
  };

  const Model& model() const { return *model_; }
  const GraphPlan& plan(GraphId id) const { return plans_[id.index]; }
  const std::vector<const Backend*>& backends() const { return backends_; }
  const Tensor& constant(ConstantId id) const { return constants_[id.index]; }
  const Limits& limits() const { return limits_; }

  // Nodes by backend, over all graphs: {"cpu": 17, "reference": 3}.
  struct Share {
    std::string backend;
    size_t nodes = 0;
    std::vector<std::string> operators;  // distinct, sorted
  };
  std::vector<Share> shares() const;

 private:
  // Constants that lie in a file unaligned are copied, once for equal spans: a small file can name
  // the same bytes very often.
  struct Copies;
  Program() = default;
  Status add_graph(GraphId id);
  void find_aligned(GraphId id, Copies& copies) const;
  Status read_constants(const Graph& graph, Copies& copies);
  Status read_constant(ConstantId id, Copies& copies);
  std::shared_ptr<const Model> model_;
  std::vector<const Backend*> backends_;
  std::vector<GraphPlan> plans_;
  std::vector<Tensor> constants_;  // defined where some graph uses them
  Limits limits_;
};

}  // namespace hone
