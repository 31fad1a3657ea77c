#include "measure/macs.h"

#include <vector>

#include "ir/op.h"

namespace hone::measure {
namespace {

std::optional<int64_t> total_of(const Model& model, const Dim::Bindings& bindings,
                                Dim Cost::* part) {
  const Graph& graph = model.main();
  int64_t total = 0;
  for (uint32_t i = 0; i < graph.node_capacity(); ++i) {
    if (!graph.alive(NodeId{i})) continue;
    const Node& node = graph[NodeId{i}];
    if (node.op->is(Trait::control)) return std::nullopt;
    std::vector<Infer::Input> inputs;
    for (const ValueId v : node.inputs) {
      Infer::Input& input = inputs.emplace_back();
      if (!v.valid()) continue;
      input.type = &graph[v].type;
      if (graph[v].known) input.known = &*graph[v].known;
    }
    Types outputs;
    for (const ValueId v : node.outputs) outputs.push_back(graph[v].type);
    const Infer c(*node.op, node.attrs, inputs, node.outputs.size(), &model);
    const auto amount = (cost_of(c, outputs).*part).evaluate(bindings);
    if (!amount || __builtin_add_overflow(total, *amount, &total)) return std::nullopt;
  }
  return total;
}

}  // namespace

std::optional<int64_t> macs_of(const Model& model, const Dim::Bindings& bindings) {
  return total_of(model, bindings, &Cost::macs);
}

std::optional<int64_t> flops_of(const Model& model, const Dim::Bindings& bindings) {
  return total_of(model, bindings, &Cost::flops);
}

}  // namespace hone::measure
