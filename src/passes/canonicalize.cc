// One spelling for one meaning: inverse pairs cancel, no-ops vanish, arguments are ordered.
#include <algorithm>

#include "ops/movement.h"
#include "passes/pass.h"

namespace hone {
namespace {

// A rule looks at one node and says which value may stand for its first output; none: no change.
struct View {
  Rewriter& rewriter;
  NodeId id;
  const Graph& graph() const { return rewriter.graph(); }
  const Node& node() const { return graph()[id]; }
  ValueId input(size_t i) const { return node().inputs[i]; }
  const Type& in_type(size_t i) const { return graph()[input(i)].type; }
  const Type& out_type() const { return graph()[node().outputs[0]].type; }
  // The node that makes input 0, if it is this operator.
  const Node* inner(std::string_view op) const {
    const NodeId producer = graph()[input(0)].producer;
    if (!producer.valid() || graph()[producer].op->name != op || graph()[input(0)].slot != 0)
      return nullptr;
    return &graph()[producer];
  }
  Infer attrs(const Node& n) const { return Infer(*n.op, n.attrs, {}, n.outputs.size()); }
};
using Replacement = Result<std::optional<ValueId>>;

Replacement none() { return std::optional<ValueId>(); }
Replacement value(ValueId v) { return std::optional<ValueId>(v); }

Replacement cancel_involution(const View& v) {
  if (!v.node().op->is(Trait::involution)) return none();
  const Node* inner = v.inner(v.node().op->name);
  if (!inner || inner->attrs != v.node().attrs) return none();
  return value(inner->inputs[0]);
}

Replacement cancel_idempotent(const View& v) {
  if (!v.node().op->is(Trait::idempotent)) return none();
  const Node* inner = v.inner(v.node().op->name);
  if (!inner || inner->attrs != v.node().attrs || v.node().inputs.size() != 1) return none();
  return value(v.input(0));
}

Replacement drop_identity(const View& v) {
  if (v.node().op->name == "identity") return value(v.input(0));
  return none();
}

Replacement drop_cast(const View& v) {
  if (v.node().op->name != "cast") return none();
  if (v.in_type(0).tensor.dtype == v.out_type().tensor.dtype) return value(v.input(0));
  return none();
}

// Dropout without a training flag passes its input on; the mask, if used, keeps the node.
Replacement drop_dropout(const View& v) {
  if (v.node().op->name != "dropout") return none();
  const auto& inputs = v.node().inputs;
  if (inputs.size() > 2 && inputs[2].valid()) {
    const Value& training = v.graph()[inputs[2]];
    if (!training.known || training.known->size() != 1 || !training.known->front().is(0))
      return none();
  }
  return value(v.input(0));
}

bool is_identity_permutation(const Integers& perm) {
  for (size_t i = 0; i < perm.size(); ++i)
    if (perm[i] != int64_t(i)) return false;
  return true;
}

std::optional<Integers> permutation_of(const View& v, const Node& n) {
  const Infer c = v.attrs(n);
  const Shape& shape = v.graph()[n.inputs[0]].type.tensor.shape;
  if (!shape.ranked && !c.given("perm")) return std::nullopt;
  const auto perm = permutation(c, int64_t(shape.ranked ? shape.rank() : c.list("perm").size()));
  return perm ? std::optional(*perm) : std::nullopt;
}

// transpose(transpose(x, p), q) is one transpose, or none.
Replacement compose_transposes(const View& v) {
  if (v.node().op->name != "transpose") return none();
  const auto outer = permutation_of(v, v.node());
  if (!outer) return none();
  if (is_identity_permutation(*outer)) return value(v.input(0));
  const Node* inner = v.inner("transpose");
  if (!inner) return none();
  const auto first = permutation_of(v, *inner);
  if (!first || first->size() != outer->size()) return none();
  Integers both;
  for (int64_t axis : *outer) both.push_back((*first)[size_t(axis)]);
  const ValueId x = inner->inputs[0];
  if (is_identity_permutation(both)) return value(x);
  v.rewriter.stands_for({v.id, v.graph()[v.input(0)].producer});
  return value(TRY(v.rewriter.add1("transpose", {x}, {{"perm", both}})));
}

// A view of a view: only the last shape counts, provided it is spelled out without copied extents.
Replacement compose_reshapes(const View& v) {
  if (v.node().op->name != "reshape") return none();
  const Shape &from = v.in_type(0).tensor.shape, &to = v.out_type().tensor.shape;
  if (from.is_fixed() && to.is_fixed() && from == to) return value(v.input(0));
  const Node* inner = nullptr;
  for (std::string_view op : {"reshape", "flatten", "squeeze", "unsqueeze"})
    if (!inner) inner = v.inner(op);
  if (!inner) return none();
  const Value& shape = v.graph()[v.input(1)];
  if (!shape.known) return none();
  const bool keeps_zero = v.attrs(v.node()).integer("allowzero") != 0;
  for (const Dim& d : *shape.known)
    if (!d.is_constant() || (d.is(0) && !keeps_zero)) return none();
  const ValueId x = inner->inputs[0], target = v.input(1);
  const Builder::Given attrs =
      keeps_zero ? Builder::Given{{"allowzero", int64_t{1}}} : Builder::Given{};
  v.rewriter.stands_for({v.id, v.graph()[v.input(0)].producer});
  return value(TRY(v.rewriter.add1("reshape", {x, target}, attrs)));
}

// Operators whose output has the shape of the input because they do nothing.
Replacement drop_trivial_movement(const View& v) {
  const std::string_view op = v.node().op->name;
  const Shape &from = v.in_type(0).tensor.shape, &to = v.out_type().tensor.shape;
  const bool same = v.in_type(0).is_tensor() && from.is_fixed() && from == to;
  if (op == "concat" && v.node().inputs.size() == 1) return value(v.input(0));
  if (op == "expand" && same) return value(v.input(0));
  if ((op == "squeeze" || op == "unsqueeze" || op == "flatten") && same) return value(v.input(0));
  if (op == "sum" || op == "max" || op == "min" || op == "mean")
    if (v.node().inputs.size() == 1) return value(v.input(0));
  if (op == "slice" && same) {
    // Same extents with positive steps is the whole tensor.
    if (v.node().inputs.size() < 5 || !v.input(4).valid()) return value(v.input(0));
    const Value& steps = v.graph()[v.input(4)];
    if (!steps.known) return none();
    for (const Dim& d : *steps.known)
      if (!d.is(1)) return none();
    return value(v.input(0));
  }
  return none();
}

bool is_uniform(const View& v, size_t i, double wanted) {
  if (i >= v.node().inputs.size() || !v.input(i).valid()) return false;
  const Value& value = v.graph()[v.input(i)];
  if (value.kind != Value::Kind::constant || !value.type.tensor.encoding.is_dense()) return false;
  const auto count = element_count(value.type.tensor.shape).constant();
  if (!count || *count < 1 || *count > kMaxKnown || value.type.tensor.dtype == DType::string ||
      is_complex(value.type.tensor.dtype))
    return false;
  const auto tensor = v.rewriter.model().read(value.constant);
  if (!tensor) return false;
  for (int64_t k = 0; k < tensor->count(); ++k)
    if (load_real(*tensor, k) != wanted) return false;
  return true;
}

// Does broadcasting x with constant i keep the shape of x? Types tell, but of an unknown number of
// axes only a scalar is surely not more.
bool keeps_shape(const View& v, size_t x, size_t i) {
  return v.in_type(x) == v.out_type() &&
         (v.out_type().tensor.shape.ranked || v.in_type(i).tensor.shape.dims.empty());
}

// x * 1, x / 1, x ^ 1 are exact; x + 0 is not (it loses the sign of -0).
Replacement drop_neutral(const View& v) {
  const std::string_view op = v.node().op->name;
  const bool mul = op == "mul", div = op == "div" || op == "pow";
  if (!mul && !div) return none();
  if (is_uniform(v, 1, 1.0) && keeps_shape(v, 0, 1)) return value(v.input(0));
  if (mul && is_uniform(v, 0, 1.0) && keeps_shape(v, 1, 0)) return value(v.input(1));
  return none();
}

// Constant scales of resize are its attribute, from which extents are inferred; an importer sees
// only those that are constant from the beginning.
Replacement scales_of_resize(const View& v) {
  const Node node = v.node();
  if (node.op->name != "resize" || node.inputs.size() < 3 || !node.inputs[2].valid()) return none();
  const Value& scales = v.graph()[node.inputs[2]];
  if (scales.kind != Value::Kind::constant) return none();
  const auto count = element_count(scales.type.tensor.shape).constant();
  if (!count || *count < 1 || *count > kMaxKnown) return none();
  const auto tensor = v.rewriter.model().read(scales.constant);
  if (!tensor) return none();
  Reals factors;
  for (double factor : reals(*tensor)) factors.push_back(float(factor));
  Builder::Given attrs;
  for (const NamedAttr& a : node.attrs) attrs.emplace_back(a.name, a.value);
  attrs.emplace_back("scales", std::move(factors));
  std::vector<ValueId> inputs = node.inputs;
  inputs[2] = ValueId{};
  v.rewriter.stands_for(v.id);
  const auto resized = v.rewriter.add1("resize", std::move(inputs), std::move(attrs));
  return resized ? value(*resized) : none();  // scales that are refused fail at the run
}

constexpr Replacement (*kRules[])(const View&) = {
    cancel_involution,  cancel_idempotent, drop_identity,         drop_cast,    drop_dropout,
    compose_transposes, compose_reshapes,  drop_trivial_movement, drop_neutral, scales_of_resize,
};

// Where values appear: inputs and states, then results in the order of the nodes. Indices would not
// do: compacting the graph changes them, and with them what is canonical.
std::vector<uint32_t> appearance(const Graph& graph, const std::vector<NodeId>& order) {
  std::vector<uint32_t> rank(graph.value_count());
  uint32_t next = 0;
  for (uint32_t v = 0; v < rank.size(); ++v)
    if (graph[ValueId{v}].kind != Value::Kind::node) rank[v] = next++;
  for (NodeId n : order)
    for (ValueId v : graph[n].outputs) rank[v.index] = next++;
  return rank;
}

// Constants last, else as they appear: a + b and b + a become the same node.
Status order_arguments(Rewriter& rewriter, NodeId n, const std::vector<uint32_t>& appearance) {
  const Node& node = rewriter.graph()[n];
  if (!node.op->is(Trait::commutative) || node.inputs.size() < 2) return ok();
  const ValueId a = node.inputs[0], b = node.inputs[1];
  if (!a.valid() || !b.valid()) return ok();
  auto rank = [&](ValueId v) {
    return std::pair(rewriter.graph()[v].kind == Value::Kind::constant,
                     v.index < appearance.size() ? appearance[v.index] : v.index);
  };
  if (rank(a) <= rank(b)) return ok();
  return rewriter.swap_inputs(n, "ordered arguments");
}

Status canonicalize(PassContext& c, GraphId graph) {
  Rewriter rewriter = c.rewriter(graph);
  const std::vector<NodeId> order = TRY(rewriter.graph().order());
  const std::vector<uint32_t> ranks = appearance(rewriter.graph(), order);
  for (NodeId n : order) {
    if (rewriter.done()) return ok();
    if (rewriter.graph()[n].inputs.empty() || !rewriter.graph()[n].inputs[0].valid()) continue;
    TRY(order_arguments(rewriter, n, ranks));
    const View view{rewriter, n};
    for (auto* rule : kRules) {
      const std::optional<ValueId> with = TRY(rule(view));
      const ValueId old = rewriter.graph()[n].outputs[0];
      if (!with || !rewriter.can_replace(old, *with)) continue;
      if (rewriter.graph()[old].users.empty() && !rewriter.graph().is_output(old)) break;
      TRY(rewriter.replace(old, *with,
                           "canonical form of " + std::string(rewriter.graph()[n].op->name)));
      break;
    }
  }
  return ok();
}

}  // namespace

const PassDef& canonicalize_pass() {
  static const PassDef def{
      .name = "canonicalize",
      .doc =
          "cancels inverse pairs and no-ops, composes transposes and reshapes, orders the "
          "arguments of commutative operators, makes constant scales attributes",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) {
          TRY(canonicalize(c, GraphId{g}));
          c.rewriter(GraphId{g}).sweep();
        }
        return ok();
      },
  };
  return def;
}

}  // namespace hone
