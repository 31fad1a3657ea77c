#include "passes/epilogue.h"

#include <algorithm>

#include "ops/common.h"

namespace hone {

bool all_known(const Shape& shape) {
  return shape.ranked &&
         std::ranges::none_of(shape.dims, [](const Dim& d) { return d.is_unknown(); });
}

EpilogueChain::EpilogueChain(const Model& model, const Graph& graph, NodeId root, size_t channels,
                             int64_t count)
    : nodes{root}, model_(model), graph_(graph), channels_(channels), count_(count) {}

ValueId EpilogueChain::output() const { return graph_[nodes.back()].outputs[0]; }

std::optional<NodeId> EpilogueChain::next() const {
  const ValueId out = output();
  if (graph_[out].users.size() != 1 || graph_.is_output(out)) return std::nullopt;
  const NodeId user = graph_[out].users[0];
  if (graph_[user].outputs.size() != 1) return std::nullopt;
  return user;
}

void EpilogueChain::follow() {
  while (activation == "none") {
    const auto user = next();
    if (!user || !(take_sum(*user) || take_activation(*user))) return;
    take(*user);
  }
}

Status EpilogueChain::reshape_before(Rewriter& rewriter, ValueId& x, int64_t depth) {
  const auto user = next();
  if (!user || graph_[*user].op->name != "reshape") return ok();
  // Adding values moves the others.
  Shape made = graph_[graph_[*user].outputs[0]].type.tensor.shape;
  if (!all_known(made) || made.rank() == 0 || !made.dims.back().is(count_)) return ok();
  EpilogueChain longer = *this;
  longer.take_reshaped(*user, made.rank() - 1);
  longer.follow();
  if (longer.nodes.size() == nodes.size() + 1) return ok();
  Integers extents;
  for (const Dim& d : made.dims) extents.push_back(d.constant().value_or(-1));
  extents.back() = depth;
  // To reshape, 0 means another extent.
  if (std::ranges::count(extents, -1) > 1 || std::ranges::count(extents, 0) > 0) return ok();
  const auto rank = int64_t(extents.size());
  const auto added = rewriter.add1("reshape", {x, rewriter.constant(Tensor::of({rank}, extents))});
  if (!added) return ok();
  const ValueId reshaped = *added;
  made.dims.back() = depth;
  if (graph_[reshaped].type.tensor.shape != made) return ok();  // swept
  x = reshaped;
  take_reshaped(*user, made.rank() - 1);
  return ok();
}

bool EpilogueChain::is_constant(ValueId v) const {
  return v.valid() && graph_[v].kind == Value::Kind::constant &&
         model_.constants[graph_[v].constant.index].type.encoding.is_dense();
}

bool EpilogueChain::is_per_channel(ValueId v) const {
  const TensorType& type = graph_[v].type.tensor;
  const auto rank = graph_[output()].type.tensor.shape.rank();
  if (type.dtype != DType::f32 || !type.shape.ranked || type.shape.rank() > rank) return false;
  // A vector that is not constant must be one already.
  if (!is_constant(v))
    return type.shape.rank() == 1 && channels_ + 1 == rank && type.shape.dims[0].is(count_);
  const size_t missing = rank - type.shape.rank();
  if (missing > channels_) return false;
  for (size_t i = 0; i < type.shape.rank(); ++i)
    if (!type.shape.dims[i].is(i + missing == channels_ ? count_ : 1)) return false;
  return true;
}

Result<std::vector<float>> EpilogueChain::per_channel(ValueId v) const {
  const Tensor tensor = TRY(model_.read(graph_[v].constant));
  const auto elements = tensor.as<float>();
  return std::vector<float>(elements.begin(), elements.end());
}

bool EpilogueChain::take_sum(NodeId user) {
  const Node& node = graph_[user];
  if (node.op->name != "add") return false;
  const ValueId out = output();
  const ValueId other = node.inputs[node.inputs[0] == out ? 1 : 0];
  const Shape& shape = graph_[out].type.tensor.shape;
  if (other == out || !shape.ranked || graph_[node.outputs[0]].type.tensor.shape != shape)
    return false;
  if (!bias.valid() && !residual.valid() && is_per_channel(other)) {
    bias = other;
    return true;
  }
  if (residual.valid() || graph_[other].type.tensor.shape != shape || !all_known(shape))
    return false;
  residual = other;
  return true;
}

bool EpilogueChain::take_activation(NodeId user) {
  const Node& node = graph_[user];
  const std::string_view name = node.op->name;
  if (name == "relu" || name == "sigmoid" || name == "tanh") {
    activation = name;
  } else if (name == "gelu") {
    const Infer c(*node.op, node.attrs, {}, 1);
    activation = c.text("approximate") == "tanh" ? "gelu_tanh" : "gelu";
  } else if (name == "swish") {
    if (Infer(*node.op, node.attrs, {}, 1).real("alpha") != 1) return false;
    activation = "silu";
  } else if (name == "clip") {
    const auto bottom = number(node, 1), top = number(node, 2);
    if (!bottom || !top) return false;
    activation = name;
    low = *bottom;
    high = *top;
  } else {
    return false;
  }
  return true;
}

std::optional<double> EpilogueChain::number(const Node& node, size_t input) const {
  if (node.inputs.size() <= input || !is_constant(node.inputs[input])) return std::nullopt;
  const auto value = model_.read(graph_[node.inputs[input]].constant);
  if (!value || value->count() != 1) return std::nullopt;
  return load_real(*value, 0);
}

}  // namespace hone
