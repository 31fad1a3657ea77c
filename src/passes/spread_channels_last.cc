// Moves transposes to channels-first behind the operators that can do without them, so that whole
// regions of a graph keep their channels last.
#include <algorithm>

#include "ops/window.h"
#include "passes/channels_last.h"
#include "passes/known_normalization.h"
#include "passes/panels.h"
#include "passes/pass.h"

namespace hone {
namespace {

class Spreading {
 public:
  Spreading(PassContext& c, GraphId graph) : model_(c.model), rewriter_(c.rewriter(graph)) {}

  Status run() {
    for (NodeId n : TRY(rewriter_.graph().order())) {
      if (rewriter_.done()) break;
      if (rewriter_.graph().alive(n)) TRY(visit(n));
    }
    rewriter_.sweep();
    return ok();
  }

 private:
  using Made = Result<ValueId>;  // channels last; invalid: stays as it is
  const Graph& graph() { return rewriter_.graph(); }
  const Shape& shape(ValueId v) { return graph()[v].type.tensor.shape; }
  ValueId last(ValueId v) { return v.valid() ? channels_last_of(graph(), v) : ValueId{}; }

  Status visit(NodeId n) {
    const Node node = graph()[n];
    if (node.outputs.size() != 1 || node.inputs.empty()) return ok();
    if (std::ranges::none_of(node.inputs, [&](ValueId v) { return last(v).valid(); })) return ok();
    rewriter_.stands_for(n);
    const std::string_view op = node.op->name;
    ValueId made;
    if (op == "concat")
      made = TRY(concat(node));
    else if (op == "max_pool" || op == "average_pool")
      made = TRY(pool(node));
    else if (op == "global_average_pool")
      return global_pool(node);
    else if (op == "batch_normalization")
      made = TRY(normalization(node));
    else if (node.op->is(Trait::elementwise))
      made = TRY(elementwise(node));
    if (!made.valid()) return ok();
    const ValueId back = TRY(to_channels_first(rewriter_, made));
    if (!rewriter_.can_replace(node.outputs[0], back)) return ok();  // swept
    return rewriter_.replace(node.outputs[0], back, "channels stay last");
  }

  static Builder::Given given_of(const Node& node) {
    Builder::Given given;
    for (const NamedAttr& a : node.attrs) given.emplace_back(a.name, a.value);
    return given;
  }

  Made concat(const Node& node) {
    const Infer c(*node.op, node.attrs, {}, 1);
    const Shape out = shape(node.outputs[0]);  // adding values moves the others
    if (!out.ranked) return ValueId{};
    const auto rank = int64_t(out.rank());
    std::vector<ValueId> inputs;
    for (ValueId v : node.inputs) {
      inputs.push_back(last(v));
      if (!inputs.back().valid()) return ValueId{};
    }
    const int64_t axis = c.integer("axis") < 0 ? c.integer("axis") + rank : c.integer("axis");
    const Integers perm = first_permutation(size_t(rank));
    return rewriter_.add1("concat", std::move(inputs), {{"axis", perm[size_t(axis)]}});
  }

  Made pool(const Node& node) {
    const ValueId x = last(node.inputs[0]);
    if (!x.valid() || graph()[x].type.tensor.dtype != DType::f32) return ValueId{};
    Builder::Given given = given_of(node);
    if (!kernel_positions(Infer(*node.op, node.attrs, {}, 1), kMostPositions)) return ValueId{};
    std::erase_if(given, [](const auto& a) { return a.first == "storage_order"; });
    return rewriter_.add1("channels_last_" + std::string(node.op->name), {x}, std::move(given));
  }

  // The mean over all positions: where they are gone, the order of axes does not matter.
  Status global_pool(const Node& node) {
    const ValueId x = last(node.inputs[0]);
    const Shape out = shape(node.outputs[0]);  // adding values moves the others
    if (!x.valid() || !out.ranked) return ok();
    Integers axes, extents;
    for (size_t i = 1; i + 1 < out.rank(); ++i) axes.push_back(int64_t(i));
    for (const Dim& d : out.dims) {
      if (!d.is_constant()) return ok();
      extents.push_back(*d.constant());
    }
    const auto count = int64_t(axes.size());
    const ValueId mean =
        TRY(rewriter_.add1("reduce_mean", {x, rewriter_.constant(Tensor::of({count}, axes))},
                           {{"keepdims", int64_t{0}}}));
    const auto rank = int64_t(extents.size());
    const ValueId back =
        TRY(rewriter_.add1("reshape", {mean, rewriter_.constant(Tensor::of({rank}, extents))}));
    if (!rewriter_.can_replace(node.outputs[0], back)) return ok();
    return rewriter_.replace(node.outputs[0], back, "channels stay last");
  }

  // One factor and one addend for each channel: a convolution with one position.
  Made normalization(const Node& node) {
    const ValueId x = last(node.inputs[0]);
    if (!x.valid() || graph()[x].type.tensor.dtype != DType::f32) return ValueId{};
    const auto channels = shape(x).dims.back().constant();
    if (!channels) return ValueId{};
    constexpr double kFar = 1000;  // of a mean, in deviations
    const auto known = TRY(known_normalization(model_, graph(), node, *channels));
    if (!known || known->farthest_mean > kFar) return ValueId{};
    const std::vector<float> factors(known->factors.begin(), known->factors.end());
    const std::vector<float> bias(known->addends.begin(), known->addends.end());
    const ValueId w = rewriter_.constant(Tensor::of({1, *channels}, factors), "factors");
    const ValueId b = rewriter_.constant(Tensor::of({*channels}, bias), "bias");
    Builder::Given given{{"kernel_shape", Integers(shape(x).rank() - 2, 1)}};
    return rewriter_.add1("channels_last_depthwise_conv", {x, w, b}, std::move(given));
  }

  Made elementwise(const Node& node) {
    std::vector<ValueId> inputs;
    const Shape out = shape(node.outputs[0]);  // adding values moves the others
    for (ValueId v : node.inputs) {
      if (!v.valid()) {
        inputs.emplace_back();
        continue;
      }
      const ValueId x = last(v);
      // Shorter shapes are aligned at the other end.
      if (x.valid() && (!out.ranked || shape(x).rank() != out.rank())) return ValueId{};
      inputs.push_back(x.valid() ? x : TRY(broadcast_last(v, out)));
      if (!inputs.back().valid()) return ValueId{};
    }
    return rewriter_.add1(node.op->name, std::move(inputs), given_of(node));
  }

  // A constant that broadcasts to a shape with its channels first, for channels that are last.
  Made broadcast_last(ValueId v, const Shape& out) {
    const Value& value = graph()[v];
    const auto extents = shape(v).fixed();
    if (value.kind != Value::Kind::constant || !extents || !out.ranked) return ValueId{};
    if (element_count(shape(v)).is(1) && extents->size() <= 1) return v;
    if (extents->size() > out.rank() ||
        !model_.constants[value.constant.index].type.encoding.is_dense())
      return ValueId{};
    // Only the channels may have more than one element.
    const size_t missing = out.rank() - extents->size();
    int64_t count = 1;
    for (size_t i = 0; i < extents->size(); ++i) {
      if ((*extents)[i] == 1) continue;
      if (i + missing != 1) return ValueId{};
      count = (*extents)[i];
    }
    const Tensor t = TRY(model_.read(value.constant));
    return rewriter_.constant(t.reshaped({count}).clone(),
                              model_.constants[value.constant.index].name);
  }

  Model& model_;
  Rewriter rewriter_;
};

}  // namespace

const PassDef& spread_channels_last_pass() {
  static const PassDef def{
      .name = "spread_channels_last",
      .doc = "operators between convolutions keep their channels last",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) TRY(Spreading(c, GraphId{g}).run());
        return ok();
      },
  };
  return def;
}

}  // namespace hone
