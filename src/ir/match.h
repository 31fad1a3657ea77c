// Finds the body of an operator in a graph, modulo commutativity and a relative tolerance.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "ir/syntax.h"

namespace hone {

// What a match found.
struct Match {
  std::map<std::string, ValueId> values;            // names of the pattern: inputs, results
  std::vector<std::pair<std::string, Attr>> attrs;  // `$name` variables
  std::vector<NodeId> nodes;                        // the nodes that make up the match, root first
};

// A body prepared for matching. The pattern's first output is the root; its other outputs must be
// values on the way to it.
class Pattern {
 public:
  using Attributes = std::vector<std::pair<std::string, Attr>>;
  // Both must outlive it; `fixed` are attributes that every match has.
  Pattern(const OpDef& op, const syntax::GraphText& text, Attributes fixed = {});

  const OpDef& op() const { return *op_; }
  const std::string& root_op() const { return root_->op; }
  size_t calls() const { return calls_; }  // larger patterns are tried first

  // May users outside a match have this output? Only where all inputs go into it: another input may
  // be computed from it, and the operator in the place of the match would depend on itself.
  bool may_leave(size_t output) const { return may_leave_[output]; }

  // The match whose root is this node, if there is one. No value inside the match but the outputs
  // that may leave it has users outside.
  std::optional<Match> find(const Model& model, const Graph& graph, NodeId root) const;

  // The values of the pattern's inputs and outputs in a match.
  std::vector<ValueId> inputs(const Match& match) const;
  std::vector<ValueId> outputs(const Match& match) const;

 private:
  class Search;
  bool depends_on_all_inputs(const std::string& output) const;

  const OpDef* op_;
  const syntax::GraphText* text_;
  Attributes fixed_;
  std::map<std::string, const syntax::Statement*> definitions_;  // by result name
  const syntax::Call* root_ = nullptr;
  size_t calls_ = 0;
  std::vector<bool> may_leave_;  // by output
};

}  // namespace hone
