// Adds nodes to a graph of a model: checks the call, infers types, propagates known elements.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone {

class Builder {
 public:
  Builder(Model& model, GraphId graph, const Catalogue& catalogue)
      : model_(model), graph_(graph), catalogue_(catalogue) {}

  Model& model() { return model_; }
  Graph& graph() { return model_.graphs[graph_.index]; }
  GraphId graph_id() const { return graph_; }
  const Catalogue& catalogue() const { return catalogue_; }

  using Given = std::vector<std::pair<std::string, Attr>>;
  // Adds a node with `outputs` outputs. The error names the operator, the node and the types.
  Result<std::vector<ValueId>> emit(const OpDef& op, std::vector<ValueId> inputs, Given attrs = {},
                                    size_t outputs = 1, std::string node_name = {});
  Result<std::vector<ValueId>> emit(std::string_view op, std::vector<ValueId> inputs,
                                    Given attrs = {}, size_t outputs = 1,
                                    std::string node_name = {});
  // The single output of a one-output call.
  Result<ValueId> emit1(std::string_view op, std::vector<ValueId> inputs, Given attrs = {});

  // A constant of this graph.
  ValueId constant(Tensor tensor, std::string name = {});
  ValueId constant(ConstantId id);
  ValueId integers(const Integers& elements);  // i64[n]
  // dtype[]; `type_mismatch` where the dtype has no such numbers.
  Result<ValueId> scalar(DType dtype, double value);

 protected:
  Model& model_;
  GraphId graph_;
  const Catalogue& catalogue_;
};

// Refuses types with negative extents or whose size does not fit, so that no later code has to
// check again. Every inferred type goes through here, at import and at run time.
Status check_sizes(const OpDef& op, const Type& type);

// The types and known elements of a node's outputs, inferred again from its inputs.
struct Inferred {
  Types types;
  std::vector<std::optional<Known>> known;
};
Result<Inferred> infer_node(const Model& model, const Graph& graph, const OpDef& op,
                            const Attrs& attrs, std::span<const ValueId> inputs, size_t outputs);

}  // namespace hone
