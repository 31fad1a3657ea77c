// softmax(scale q k^T + mask) v, spelled out in products and transposes, becomes `attention`.
#include <algorithm>
#include <cmath>

#include "ops/common.h"
#include "ops/movement.h"
#include "passes/pass.h"

namespace hone {
namespace {

// The pieces of a spelled-out attention. q [B, H, S, D], k [B, H, D, L] (transposed), v [B, H, L,
// E].
struct Found {
  ValueId q, k, v, mask;
  double scale = 1;
  ValueId result;             // [B, H, S, E]
  std::vector<NodeId> nodes;  // all of them
};

class Lowering {
 public:
  Lowering(PassContext& c, GraphId graph) : model_(c.model), rewriter_(c.rewriter(graph)) {}

  Status run() {
    return each_node(rewriter_, [this](NodeId n) -> Status {
      if (graph()[n].op->name != "softmax") return ok();
      const auto found = around(n);
      return found ? replace(*found) : ok();
    });
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }
  const Shape& shape(ValueId v) { return graph()[v].type.tensor.shape; }
  Infer attrs(const Node& node) { return Infer(*node.op, node.attrs, {}, node.outputs.size()); }

  // The node that makes a value which nothing else uses.
  const Node* made_for_one(ValueId v, std::string_view op) {
    const Value& value = graph()[v];
    if (!value.producer.valid() || value.users.size() != 1 || graph().is_output(v)) return nullptr;
    const Node& node = graph()[value.producer];
    return node.op->name == op && node.outputs.size() == 1 ? &node : nullptr;
  }
  const Node* only_user(ValueId v, std::string_view op) {
    const Value& value = graph()[v];
    if (value.users.size() != 1 || graph().is_output(v)) return nullptr;
    const Node& node = graph()[value.users[0]];
    return node.op->name == op ? &node : nullptr;
  }

  std::optional<double> scalar(ValueId v) {
    if (graph()[v].kind != Value::Kind::constant) return std::nullopt;
    const auto tensor = model_.read(graph()[v].constant);
    if (!tensor || tensor->count() != 1 || tensor->dtype() != DType::f32) return std::nullopt;
    return load_real(*tensor, 0);
  }

  std::optional<Found> around(NodeId softmax) {
    const Node& node = graph()[softmax];
    const ValueId scores = node.inputs[0], weights = node.outputs[0];
    const int64_t axis = attrs(node).integer("axis");
    if (!shape(scores).ranked || shape(scores).rank() != 4 || (axis != -1 && axis != 3) ||
        graph()[scores].type.tensor.dtype != DType::f32)
      return std::nullopt;
    const Node* values = only_user(weights, "matmul");
    if (!values || values->inputs[0] != weights) return std::nullopt;
    Found f;
    f.v = values->inputs[1];
    f.result = values->outputs[0];
    f.nodes = {softmax, graph()[f.result].producer};
    if (!find_scores(scores, f)) return std::nullopt;
    for (ValueId v : {f.q, f.k, f.v})
      if (!shape(v).ranked || shape(v).rank() != 4) return std::nullopt;
    // A mask that is narrower than the keys would mask the rest of them.
    if (f.mask.valid() &&
        (shape(f.mask).dims.back() != shape(f.k).dims[3] || shape(f.mask).dims.back().is_unknown()))
      return std::nullopt;
    // Nor does it make more rows than there are queries.
    for (size_t i = 0; f.mask.valid() && i + 1 < shape(f.mask).rank(); ++i) {
      const Dim &extent = shape(f.mask).dims[i],
                &there = shape(f.q).dims[i + 4 - shape(f.mask).rank()];
      if (!extent.is(1) && (extent.is_unknown() || extent != there)) return std::nullopt;
    }
    // Heads and batches are not broadcast.
    for (size_t i : {0, 1})
      if (shape(f.q).dims[i] != shape(f.k).dims[i] || shape(f.q).dims[i] != shape(f.v).dims[i] ||
          shape(f.q).dims[i].is_unknown())
        return std::nullopt;
    return f;
  }

  bool find_scores(ValueId v, Found& f) {
    if (const Node* sum = made_for_one(v, "add")) {
      const size_t side = is_product(sum->inputs[0]) ? 0 : 1;
      f.mask = sum->inputs[1 - side];
      f.nodes.push_back(graph()[v].producer);
      v = sum->inputs[side];
      const Shape& mask = shape(f.mask);
      if (!mask.ranked || mask.rank() == 0 || mask.rank() > 4) return false;
    }
    for (std::string_view op : {"div", "mul"})
      if (const Node* scaled = made_for_one(v, op)) {
        const auto factor = scalar(scaled->inputs[1]);
        if (!factor || *factor == 0) return false;
        f.scale = op == "div" ? 1 / *factor : *factor;
        f.nodes.push_back(graph()[v].producer);
        v = scaled->inputs[0];
        break;
      }
    const Node* product = made_for_one(v, "matmul");
    if (!product) return false;
    f.nodes.push_back(graph()[v].producer);
    f.q = product->inputs[0];
    f.k = product->inputs[1];
    return true;
  }

  bool is_product(ValueId v) {
    for (std::string_view op : {"matmul", "div", "mul"})
      if (made_for_one(v, op)) return true;
    return false;
  }

  bool permutes(const Node& transpose, const Integers& perm) {
    const auto made = permutation(attrs(transpose), int64_t(perm.size()));
    return made && *made == perm;
  }

  // x [B, S, H * D] where v is x split into heads and transposed by `perm`.
  Result<ValueId> packed(ValueId v, const Integers& perm) {
    const Value& value = graph()[v];
    if (!value.producer.valid()) return ValueId{};
    const Node& transpose = graph()[value.producer];
    if (transpose.op->name != "transpose" || !permutes(transpose, perm)) return ValueId{};
    const ValueId split = transpose.inputs[0];
    if (!graph()[split].producer.valid()) return ValueId{};
    const Node& reshape = graph()[graph()[split].producer];
    const ValueId x = reshape.inputs[0];
    if (reshape.op->name != "reshape") return ValueId{};
    if (splits_last(shape(x), shape(split))) return x;
    return joined(x, shape(split));
  }

  // x in another shape, [B, S, H * D] for heads of [B, S, H, D].
  Result<ValueId> joined(ValueId x, const Shape& split) {
    const auto extents = split.fixed();
    if (!extents || !shape(x).fixed()) return ValueId{};
    const Integers wanted{(*extents)[0], (*extents)[1], (*extents)[2] * (*extents)[3]};
    return rewriter_.add1("reshape", {x, rewriter_.constant(Tensor::of({3}, wanted))});
  }

  // [B, S, C] as [B, S, H, C / H]?
  static bool splits_last(const Shape& whole, const Shape& split) {
    if (!whole.ranked || !split.ranked || whole.rank() != 3 || split.rank() != 4) return false;
    for (size_t i : {0, 1})
      if (whole.dims[i].is_unknown() || whole.dims[i] != split.dims[i]) return false;
    const auto c = whole.dims[2].constant(), h = split.dims[2].constant(),
               d = split.dims[3].constant();
    return c && h && d && *h > 0 && *h * *d == *c;
  }

  // What the result is transposed to, [B, S, H, E], and then reshaped to.
  ValueId merged(ValueId result) {
    const Node* transpose = only_user(result, "transpose");
    if (!transpose || !permutes(*transpose, {0, 2, 1, 3})) return {};
    const Node* reshape = only_user(transpose->outputs[0], "reshape");
    if (!reshape) return {};
    const ValueId y = reshape->outputs[0];
    return splits_last(shape(y), shape(transpose->outputs[0])) || extents_of(y) ? y : ValueId{};
  }

  // What reshape takes to make this shape: one extent may depend on the call.
  std::optional<Integers> extents_of(ValueId v) {
    if (!shape(v).ranked) return std::nullopt;
    Integers extents;
    for (const Dim& d : shape(v).dims) extents.push_back(d.constant().value_or(-1));
    if (std::ranges::count(extents, -1) > 1 || std::ranges::count(extents, 0) > 0)
      return std::nullopt;
    return extents;
  }

  // The result has its heads where the queries have theirs; keys and values may lie otherwise.
  Status replace(const Found& f) {
    Builder::Given given{{"scale", float(f.scale)}};
    ValueId q = TRY(packed(f.q, {0, 2, 1, 3})), k = TRY(packed(f.k, {0, 2, 3, 1})),
            v = TRY(packed(f.v, {0, 2, 1, 3})), y = merged(f.result);
    rewriter_.stands_for(f.nodes);
    if (!q.valid() || !y.valid()) {
      q = f.q;
      y = f.result;
    }
    const int64_t heads = shape(f.q).dims[1].constant().value_or(0);
    if (q != f.q) given.emplace_back("q_num_heads", heads);
    if (k.valid() || v.valid()) given.emplace_back("kv_num_heads", heads);
    if (!k.valid()) k = TRY(rewriter_.add1("transpose", {f.k}, {{"perm", Integers{0, 1, 3, 2}}}));
    if (!v.valid()) v = f.v;
    return put(y, {q, k, v, f.mask}, std::move(given));
  }

  Status put(ValueId old, std::vector<ValueId> inputs, Builder::Given given) {
    const auto made = rewriter_.add1("attention", std::move(inputs), std::move(given));
    if (!made) return ok();  // swept
    ValueId y = *made;
    if (shape(y) != shape(old)) {
      const auto extents = extents_of(old);
      if (!extents) return ok();
      const auto rank = int64_t(extents->size());
      y = TRY(rewriter_.add1("reshape", {y, rewriter_.constant(Tensor::of({rank}, *extents))}));
    }
    if (!rewriter_.can_replace(old, y)) return ok();
    return rewriter_.replace(old, y, "lowered to attention");
  }

  Model& model_;
  Rewriter rewriter_;
};

}  // namespace

const PassDef& lower_attention_pass() {
  static const PassDef def{
      .name = "lower_attention",
      .doc =
          "attention that is spelled out in products becomes one operator; a row that a mask "
          "leaves "
          "nothing of gives 0 instead of NaN",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) TRY(Lowering(c, GraphId{g}).run());
        return ok();
      },
  };
  return def;
}

}  // namespace hone
