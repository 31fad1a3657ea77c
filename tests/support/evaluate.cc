#include "support/evaluate.h"

#include "ir/body.h"
#include "ir/syntax.h"

namespace hone::testing {
namespace {

class Evaluator : public GraphRunner {
 public:
  Evaluator(const Model& model, const Catalogue& catalogue, const Observe& observe,
            uint64_t memory_limit)
      : model_(model), catalogue_(catalogue), observe_(observe), memory_limit_(memory_limit) {}

  Result<std::vector<Datum>> run(GraphId id, std::span<const Datum> inputs) override {
    const Graph& graph = model_.graphs[id.index];
    if (inputs.size() != graph.inputs.size())
      return fail(ErrorId::bad_data, "the graph takes " + std::to_string(graph.inputs.size()) +
                                         " inputs, got " + std::to_string(inputs.size()));
    std::vector<Datum> values(graph.value_count());
    for (uint32_t v = 0; v < values.size(); ++v)
      if (graph[ValueId{v}].kind == Value::Kind::constant)
        values[v] = Datum(TRY(model_.read(graph[ValueId{v}].constant)));
    for (size_t i = 0; i < inputs.size(); ++i) values[graph.inputs[i].index] = inputs[i];
    for (const State& s : graph.states()) values[s.now.index] = Datum(TRY(initial(graph, s)));
    for (NodeId n : TRY(graph.order()))
      TRY(step(graph, n, values).context("running " + std::string(graph[n].op->name)));
    std::vector<Datum> outputs;
    for (ValueId v : graph.outputs()) outputs.push_back(values[v.index]);
    return outputs;
  }

 private:
  Result<Tensor> initial(const Graph& graph, const State& state) {
    if (state.initial.valid()) return model_.read(state.initial);
    const TensorType& type = graph[state.now].type.tensor;
    const auto extents = type.shape.fixed();
    if (!extents) return fail(ErrorId::bad_data, "a state without a fixed shape: " + type.str());
    return Tensor::make(type.dtype, *extents);
  }

  Status step(const Graph& graph, NodeId n, std::vector<Datum>& values) {
    const Node& node = graph[n];
    std::vector<Type> types(node.inputs.size());
    std::vector<std::optional<Known>> known(node.inputs.size());
    std::vector<Infer::Input> seen(node.inputs.size());
    std::vector<const Datum*> in(node.inputs.size());
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!node.inputs[i].valid()) continue;
      in[i] = &values[node.inputs[i].index];
      types[i] = in[i]->type();
      if (in[i]->kind == Datum::Kind::tensor) known[i] = known_elements(in[i]->tensor);
      seen[i] = {&types[i], known[i] ? &*known[i] : nullptr};
    }
    TRY(check_call(*node.op, node.attrs, seen, node.outputs.size()));
    const Infer c(*node.op, node.attrs, seen, node.outputs.size(), &model_);
    Types inferred = TRY(node.op->infer(c));
    inferred.resize(node.outputs.size());
    std::vector<Datum> out(node.outputs.size());
    if (node.op->reference) {
      Call call(*node.op, node.attrs, seen, in, out, inferred, &model_);
      call.runner = this;
      call.seed = 7 + n.index;
      call.memory_limit = memory_limit_;
      call.iteration_limit = 10'000;
      TRY(node.op->reference(call));
    } else {
      out = TRY(run_body(node, types, in));
    }
    if (observe_) observe_(graph, n, c, inferred, out);
    for (size_t slot = 0; slot < out.size(); ++slot)
      values[node.outputs[slot].index] = std::move(out[slot]);
    return ok();
  }

  // An operator without a kernel means its body.
  Result<std::vector<Datum>> run_body(const Node& node, const std::vector<Type>& types,
                                      const std::vector<const Datum*>& in) {
    const auto body = TRY(syntax::parse_graph(node.op->body, Limits{}));
    Model model;
    Builder builder(model, model.add_graph("body"), catalogue_);
    std::vector<ValueId> inputs(in.size());
    std::vector<Datum> data;
    for (size_t i = 0; i < in.size(); ++i) {
      if (!in[i]) continue;
      inputs[i] = builder.graph().add_input("", types[i]);
      data.push_back(*in[i]);
    }
    const auto results = TRY(build_body(builder, *node.op, body, node.attrs, inputs, node.name));
    for (size_t slot = 0; slot < node.outputs.size() && slot < results.size(); ++slot)
      model.main().add_output("o" + std::to_string(slot), results[slot]);
    return evaluate(model, catalogue_, data, observe_, memory_limit_);
  }

  const Model& model_;
  const Catalogue& catalogue_;
  const Observe& observe_;
  uint64_t memory_limit_;
};

}  // namespace

Result<std::vector<Datum>> evaluate(const Model& model, GraphId graph, const Catalogue& catalogue,
                                    std::span<const Datum> inputs, const Observe& observe,
                                    uint64_t memory_limit) {
  return Evaluator(model, catalogue, observe, memory_limit).run(graph, inputs);
}

Result<std::vector<Datum>> evaluate(const Model& model, const Catalogue& catalogue,
                                    std::span<const Datum> inputs, const Observe& observe,
                                    uint64_t memory_limit) {
  return evaluate(model, model.entry, catalogue, inputs, observe, memory_limit);
}

}  // namespace hone::testing
