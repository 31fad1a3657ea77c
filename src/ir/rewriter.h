// The only way passes edit a graph: type-checked replacement, sweeping, provenance, a journal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ir/builder.h"

namespace hone {

// What was edited, in order; `stop_after` bisects a bad edit.
struct Journal {
  struct Edit {
    std::string pass, graph, node, what;
  };
  std::vector<Edit> edits;
  size_t stop_after = SIZE_MAX;
  std::string pass;  // the one that runs now
  bool full() const { return edits.size() >= stop_after; }
};

class Rewriter : public Builder {
 public:
  Rewriter(Model& model, GraphId graph, const Catalogue& catalogue, Journal& journal)
      : Builder(model, graph, catalogue), journal_(journal) {}

  // No more edits are wanted (--stop-after-edits).
  bool done() const { return journal_.full(); }

  // Nodes added from now on stand for this node: they take its name, and the provenance of both.
  void stands_for(NodeId node);
  void stands_for(const std::vector<NodeId>& nodes);

  // As Builder::emit, with the name and provenance of stands_for().
  Result<std::vector<ValueId>> add(const OpDef& op, std::vector<ValueId> inputs, Given attrs = {},
                                   size_t outputs = 1);
  Result<ValueId> add1(std::string_view op, std::vector<ValueId> inputs, Given attrs = {});

  // Could `with` stand where `old` stands: is its type the same or more precise?
  bool can_replace(ValueId old, ValueId with);
  // Makes all uses of `old` use `with`, infers the users again where the type became more precise,
  // and records the edit. Fails with `internal` when can_replace() does not hold.
  Status replace(ValueId old, ValueId with, std::string_view what);
  // Changes one input of a node for a value of the same or a more precise type.
  Status set_input(NodeId node, size_t index, ValueId with, std::string_view what);

  // Exchanges the first two inputs of a commutative node.
  Status swap_inputs(NodeId node, std::string_view what);

  // Removes nodes whose outputs nothing uses; how many.
  size_t sweep();

 private:
  Status refine_users(ValueId changed);
  void record(NodeId at, std::string_view what);

  Journal& journal_;
  std::string name_;
  std::vector<std::string> provenance_;
};

}  // namespace hone
