// Computes nodes whose inputs are all constants, within a budget of bytes and work.
#include <algorithm>

#include "passes/pass.h"

namespace hone {
namespace {

// Work is counted in elements; an operator that reduces or contracts does more than it writes.
uint64_t work_of(const Infer& c, const Types& out) {
  const Cost cost = cost_of(c, out);
  const auto flops = cost.flops.constant().value_or(INT64_MAX);
  const auto bytes = (cost.bytes_read + cost.bytes_written).constant().value_or(INT64_MAX);
  return uint64_t(std::max(flops, bytes / 4));
}

bool may_fold(const Graph& graph, const Node& node) {
  if (!node.op->reference || node.op->is(Trait::random) || node.op->is(Trait::control))
    return false;
  for (ValueId v : node.outputs)
    if (!graph[v].type.is_tensor() || !graph[v].type.tensor.shape.is_fixed()) return false;
  // An output that shape arithmetic has told already needs no constant inputs.
  for (ValueId v : node.inputs) {
    if (!v.valid()) continue;
    if (graph[v].kind != Value::Kind::constant) return false;
    // Computing with a compressed constant would store the result uncompressed.
    if (!graph[v].type.tensor.encoding.is_dense()) return false;
  }
  return true;
}

class ConstantFolder {
 public:
  ConstantFolder(PassContext& c, GraphId graph) : c_(c), rewriter_(c.rewriter(graph)) {}

  Status run() {
    const auto order = TRY(rewriter_.graph().order());
    for (NodeId n : order) {
      if (rewriter_.done()) break;
      if (TRY(known_outputs(n))) continue;
      if (may_fold(rewriter_.graph(), rewriter_.graph()[n])) TRY(compute(n));
    }
    return ok();
  }

 private:
  // Shape arithmetic whose elements are all numbers becomes a constant, whatever its inputs.
  Result<bool> known_outputs(NodeId n) {
    bool all = true;
    for (ValueId v : std::vector<ValueId>(rewriter_.graph()[n].outputs)) {
      const Value& value = rewriter_.graph()[v];
      const TensorType& type = value.type.tensor;
      if (!value.known || !type.shape.is_fixed() || !value.type.is_tensor() ||
          !(kIndices | DTypes(DType::boolean)).has(type.dtype) || value.users.empty()) {
        all = all && value.users.empty() && !rewriter_.graph().is_output(v);
        continue;
      }
      Integers elements;
      for (const Dim& d : *value.known)
        if (auto k = d.constant()) elements.push_back(*k);
      if (elements.size() != value.known->size() ||
          int64_t(elements.size()) != element_count(type.shape).constant()) {
        all = false;
        continue;
      }
      Tensor tensor = TRY(Tensor::make(type.dtype, *type.shape.fixed()));
      for (size_t i = 0; i < elements.size(); ++i) store_integer(tensor, int64_t(i), elements[i]);
      TRY(rewriter_.replace(v, rewriter_.constant(tensor), "shape arithmetic is constant"));
    }
    return all;
  }

  Status compute(NodeId n) {
    const Node node = rewriter_.graph()[n];
    std::vector<Datum> data(node.inputs.size());
    std::vector<Type> types(node.inputs.size());
    std::vector<std::optional<Known>> known(node.inputs.size());
    std::vector<Infer::Input> seen(node.inputs.size());
    std::vector<const Datum*> in(node.inputs.size());
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!node.inputs[i].valid()) continue;
      types[i] = rewriter_.graph()[node.inputs[i]].type;
      types[i].tensor.encoding = {};
      known[i] = rewriter_.graph()[node.inputs[i]].known;
      seen[i] = {&types[i], known[i] ? &*known[i] : nullptr};
    }
    // The types that follow from the inputs: kernels rely on them, and a file may declare others.
    const Infer c(*node.op, node.attrs, seen, node.outputs.size(), &c_.model);
    auto inferred = node.op->infer(c);
    if (!inferred) return ok();
    Types out_types = inferred.take();
    out_types.resize(node.outputs.size());
    if (!affordable(c, out_types)) return ok();
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!node.inputs[i].valid()) continue;
      data[i] = Datum(TRY(c_.model.read(rewriter_.graph()[node.inputs[i]].constant)));
      in[i] = &data[i];
    }
    std::vector<Datum> out(node.outputs.size());
    Call call(*node.op, node.attrs, seen, in, out, out_types, &c_.model);
    call.memory_limit = c_.limits.folded_constant;
    // A node that fails on its constants is left for the run: it may never be reached.
    if (!node.op->reference(call)) return ok();
    for (size_t slot = 0; slot < out.size(); ++slot) {
      const Value& value = rewriter_.graph()[node.outputs[slot]];
      if (value.users.empty() && !rewriter_.graph().is_output(node.outputs[slot])) continue;
      const std::string name = value.name;
      const ValueId constant =
          out[slot].tensor.byte_size() <= int64_t(kMaxInline) && out[slot].tensor.rank() <= 1
              ? rewriter_.constant(out[slot].tensor)
              : rewriter_.constant(out[slot].tensor, name.empty() ? "folded" : name);
      if (rewriter_.can_replace(node.outputs[slot], constant))
        TRY(rewriter_.replace(node.outputs[slot], constant, "constant inputs"));
    }
    return ok();
  }

  bool affordable(const Infer& c, const Types& out) {
    uint64_t bytes = 0;
    for (const Type& t : out) {
      const auto size = stored_bytes(t.tensor).constant();
      if (!size || uint64_t(*size) > c_.limits.folded_constant) return false;
      bytes += uint64_t(*size);
    }
    const uint64_t work = work_of(c, out);
    if (work > c_.limits.folded_work - std::min(c_.limits.folded_work, c_.folded_work))
      return false;
    if (bytes > c_.limits.folded_total - std::min(c_.limits.folded_total, c_.folded_bytes))
      return false;
    c_.folded_bytes += bytes;
    c_.folded_work += work;
    return true;
  }

  PassContext& c_;
  Rewriter rewriter_;
};

}  // namespace

const PassDef& fold_pass() {
  static const PassDef def{
      .name = "fold",
      .doc =
          "computes nodes whose inputs are constants (limits folded_constant, folded_total, "
          "folded_work)",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g)
          TRY(ConstantFolder(c, GraphId{g}).run());
        return ok();
      },
  };
  return def;
}

}  // namespace hone
