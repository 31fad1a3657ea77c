// Moves transposes to channels-first behind the operators that can do without them, so that whole
// regions of a graph keep their channels last.
#include <algorithm>

#include "ops/quantization.h"
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
    return each_node(rewriter_, [this](NodeId n) { return visit(n); });
  }

 private:
  using Made = Result<ValueId>;  // channels last; invalid: stays as it is
  const Graph& graph() { return rewriter_.graph(); }
  const Shape& shape(ValueId v) { return graph()[v].type.tensor.shape; }
  ValueId last(ValueId v) { return v.valid() ? channels_last_of(graph(), v) : ValueId{}; }

  Status visit(NodeId n) {
    const Node node = graph()[n];
    if (node.op->name == "split") return split(n);
    if (node.outputs.size() != 1 || node.inputs.empty()) return ok();
    if (node.op->name == "reshape") return shuffle(n);
    if (std::ranges::none_of(node.inputs, [&](ValueId v) { return last(v).valid(); })) return ok();
    rewriter_.stands_for(n);
    const std::string_view op = node.op->name;
    ValueId made;
    if (op == "concat")
      made = TRY(concat(node));
    else if (op == "max_pool" || op == "average_pool")
      made = TRY(pool(node));
    else if (op == "global_average_pool")
      return global_pool(node, "reduce_mean");
    else if (op == "global_max_pool")
      return global_pool(node, "reduce_max");
    else if (op == "batch_normalization")
      made = TRY(normalization(node));
    else if (op == "lrn")
      made = TRY(neighbours(node));
    else if (op == "instance_normalization" || op == "group_normalization")
      made = TRY(groups(node));
    else if (op == "pad")
      made = TRY(pad(node));
    else if (op == "resize")
      made = TRY(resize(node));
    else if (op == "slice")
      made = TRY(slice(node));
    else if (node.op->is(Trait::elementwise) || has_one_scale(node))
      made = TRY(elementwise(node));
    if (!made.valid()) return ok();
    const ValueId back = TRY(to_channels_first(rewriter_, made));
    if (!rewriter_.can_replace(node.outputs[0], back)) return ok();  // swept
    return rewriter_.replace(node.outputs[0], back, "channels stay last");
  }

  // Quantization of all elements alike, or the way back.
  bool has_one_scale(const Node& node) {
    return (node.op->name == "quantize_linear" || node.op->name == "dequantize_linear") &&
           element_count(shape(node.inputs[1])).is(1);
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
    const DType dtype = x.valid() ? graph()[x].type.tensor.dtype : DType::f32;
    const bool bytes = node.op->name == "max_pool" && kQuantizedBytes.has(dtype);
    if (!x.valid() || (dtype != DType::f32 && !bytes)) return ValueId{};
    Builder::Given given = given_of(node);
    if (!kernel_positions(Infer(*node.op, node.attrs, {}, 1), kMostPositions)) return ValueId{};
    std::erase_if(given, [](const auto& a) { return a.first == "storage_order"; });
    return rewriter_.add1("channels_last_" + std::string(node.op->name), {x}, std::move(given));
  }

  // A reduction of all positions: where they are gone, the order of axes does not matter.
  Status global_pool(const Node& node, std::string_view reduction) {
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
    const ValueId mean = TRY(rewriter_.add1(
        reduction, {x, rewriter_.constant(Tensor::of({count}, axes))}, {{"keepdims", int64_t{0}}}));
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

  Made groups(const Node& node) {
    const ValueId x = last(node.inputs[0]);
    if (!x.valid() || graph()[x].type.tensor.dtype != DType::f32) return ValueId{};
    const auto channels = shape(x).dims.back().constant();
    const Infer c(*node.op, node.attrs, {}, 1);
    const bool single = node.op->name == "instance_normalization";
    if (!channels || *channels == 0) return ValueId{};
    const int64_t count = single ? *channels : c.integer("num_groups");
    return rewriter_.add1("channels_last_group_normalization", {x, node.inputs[1], node.inputs[2]},
                          {{"num_groups", count}, {"epsilon", float(c.real("epsilon"))}});
  }

  // The elements of an input that is a known list of integers.
  std::optional<Integers> known(const Node& node, size_t input) {
    if (input >= node.inputs.size() || !node.inputs[input].valid()) return std::nullopt;
    const auto& elements = graph()[node.inputs[input]].known;
    if (!elements) return std::nullopt;
    Integers out;
    for (const Dim& d : *elements) {
      if (!d.is_constant()) return std::nullopt;
      out.push_back(*d.constant());
    }
    return out;
  }
  static bool given(const Node& node, size_t input) {
    return input < node.inputs.size() && node.inputs[input].valid();
  }
  ValueId list(const Integers& elements) {
    return rewriter_.constant(Tensor::of({int64_t(elements.size())}, elements));
  }
  // Where an axis of [N, C, in...] lies in [N, in..., C].
  static int64_t moved_axis(int64_t axis, size_t rank) {
    if (axis < 0) axis += int64_t(rank);
    return first_permutation(rank)[size_t(axis)];
  }
  static std::optional<Integers> moved_axes(const Integers& axes, size_t rank) {
    Integers out;
    for (const int64_t axis : axes) {
      if (axis < -int64_t(rank) || axis >= int64_t(rank)) return std::nullopt;
      out.push_back(moved_axis(axis, rank));
    }
    return out;
  }
  static Integers all_axes(size_t count) {
    Integers axes(count);
    for (size_t i = 0; i < count; ++i) axes[i] = int64_t(i);
    return axes;
  }

  Made pad(const Node& node) {
    const ValueId x = last(node.inputs[0]);
    const auto pads = known(node, 1);
    if (!x.valid() || !pads || (given(node, 3) && !known(node, 3))) return ValueId{};
    const size_t rank = shape(x).rank();
    const auto axes = moved_axes(known(node, 3).value_or(all_axes(rank)), rank);
    if (!axes || pads->size() != 2 * axes->size()) return ValueId{};
    const ValueId constant = given(node, 2) ? node.inputs[2] : ValueId{};
    return rewriter_.add1("pad", {x, node.inputs[1], constant, list(*axes)}, given_of(node));
  }

  Made slice(const Node& node) {
    const ValueId x = last(node.inputs[0]);
    const auto starts = known(node, 1), ends = known(node, 2), steps = known(node, 4);
    if (!x.valid() || !starts || !ends || (given(node, 3) && !known(node, 3)) ||
        (given(node, 4) && !steps))
      return ValueId{};
    const size_t rank = shape(x).rank();
    const auto axes = moved_axes(known(node, 3).value_or(all_axes(starts->size())), rank);
    if (!axes || axes->size() != starts->size()) return ValueId{};
    std::vector<ValueId> inputs{x, list(*starts), list(*ends), list(*axes)};
    if (steps) inputs.push_back(list(*steps));
    return rewriter_.add1("slice", std::move(inputs));
  }

  // Only along positions, told by scales in an attribute or by sizes.
  Made resize(const Node& node) {
    const ValueId x = last(node.inputs[0]);
    const Infer c(*node.op, node.attrs, {}, 1);
    // Of a region to crop nothing is said here.
    if (!x.valid() || (given(node, 1) && !element_count(shape(node.inputs[1])).is(0)))
      return ValueId{};
    const size_t rank = shape(x).rank();
    const auto axes = moved_axes(c.given("axes") ? c.list("axes") : all_axes(rank), rank);
    if (!axes) return ValueId{};
    Builder::Given attrs = given_of(node);
    std::erase_if(attrs, [](const auto& a) { return a.first == "axes"; });
    attrs.emplace_back("axes", *axes);
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = x;
    if (inputs.size() > 1) inputs[1] = ValueId{};
    return rewriter_.add1("resize", std::move(inputs), std::move(attrs));
  }

  // Into pieces along an axis: the only operator here with several outputs.
  Status split(NodeId n) {
    const Node node = graph()[n];
    const ValueId x = last(node.inputs[0]);
    if (!x.valid()) return ok();
    const size_t rank = shape(x).rank();
    Builder::Given attrs = given_of(node);
    const auto axis = moved_axes({Infer(*node.op, node.attrs, {}, 1).integer("axis")}, rank);
    if (!axis) return ok();
    std::erase_if(attrs, [](const auto& a) { return a.first == "axis"; });
    attrs.emplace_back("axis", (*axis)[0]);
    rewriter_.stands_for(n);
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = x;
    const std::vector<ValueId> pieces =
        TRY(rewriter_.add(*node.op, std::move(inputs), std::move(attrs), node.outputs.size()));
    for (size_t i = 0; i < pieces.size(); ++i) {
      const ValueId back = TRY(to_channels_first(rewriter_, pieces[i]));
      if (!rewriter_.can_replace(node.outputs[i], back)) continue;
      TRY(rewriter_.replace(node.outputs[i], back, "channels stay last"));
    }
    return ok();
  }

  // By neighbouring channels.
  Made neighbours(const Node& node) {
    const ValueId x = last(node.inputs[0]);
    Builder::Given given = given_of(node);
    if (!x.valid() || Infer(*node.op, node.attrs, {}, 1).integer("axis") != 1) return ValueId{};
    std::erase_if(given, [](const auto& a) { return a.first == "axis"; });
    given.emplace_back("axis", int64_t(shape(x).rank()) - 1);
    return rewriter_.add1("lrn", {x}, std::move(given));
  }

  // Channels that are split, exchanged and joined again (Zhang et al. 2018): reshape, transpose,
  // reshape. The positions stay where they are.
  Status shuffle(NodeId n) {
    const Node joining = graph()[n];
    const auto exchanging = producer(joining.inputs[0], "transpose");
    const auto splitting = exchanging ? producer(exchanging->inputs[0], "reshape") : std::nullopt;
    const ValueId x = splitting ? last(splitting->inputs[0]) : ValueId{};
    if (!x.valid()) return ok();
    const Shape whole = shape(splitting->inputs[0]), parts = shape(splitting->outputs[0]);
    const auto perm = channel_permutation(*exchanging, whole, parts, shape(joining.outputs[0]));
    if (!perm) return ok();
    const size_t positions = whole.rank() - 2;
    std::vector<Dim> split{whole.dims[0]}, joined = shape(x).dims;
    split.insert(split.end(), whole.dims.begin() + 2, whole.dims.end());
    Integers order(positions + 1);
    for (size_t i = 0; i < order.size(); ++i) order[i] = int64_t(i);
    for (size_t i = 0; i < perm->size(); ++i) {
      split.push_back(parts.dims[i + 1]);
      order.push_back((*perm)[i] + int64_t(positions));
    }
    const auto there = extents_of(split), back = extents_of(joined);
    if (!there || !back) return ok();
    rewriter_.stands_for(n);
    ValueId y = TRY(reshaped(x, *there));
    y = TRY(rewriter_.add1("transpose", {y}, {{"perm", order}}));
    y = TRY(to_channels_first(rewriter_, TRY(reshaped(y, *back))));
    if (!rewriter_.can_replace(joining.outputs[0], y)) return ok();
    return rewriter_.replace(joining.outputs[0], y, "channels stay last");
  }

  std::optional<Node> producer(ValueId v, std::string_view op) {
    const NodeId n = graph()[v].producer;
    if (!n.valid() || graph()[n].op->name != op) return std::nullopt;
    return graph()[n];
  }

  // The order of the parts that the channels are split into, counted from 1; none where the nodes
  // do anything else.
  static std::optional<Integers> channel_permutation(const Node& exchanging, const Shape& whole,
                                                     const Shape& parts, const Shape& joined) {
    const Infer c(*exchanging.op, exchanging.attrs, {}, 1);
    if (!c.given("perm") || !parts.ranked || parts.rank() <= whole.rank() || joined != whole)
      return std::nullopt;
    const size_t count = parts.rank() - whole.rank() + 1;  // of parts
    const Integers& perm = c.list("perm");
    if (parts.dims[0] != whole.dims[0] || perm[0] != 0 ||
        !std::equal(whole.dims.begin() + 2, whole.dims.end(), parts.dims.begin() + 1 + count))
      return std::nullopt;
    for (size_t i = count + 1; i < perm.size(); ++i)
      if (perm[i] != int64_t(i)) return std::nullopt;
    Integers order(perm.begin() + 1, perm.begin() + 1 + int64_t(count));
    // Of axes counted from the end nothing is said here.
    if (std::ranges::any_of(order, [](int64_t axis) { return axis < 0; })) return std::nullopt;
    return order;
  }

  // What a reshape is told: at most one extent that is not a number.
  static std::optional<Integers> extents_of(const std::vector<Dim>& dims) {
    Integers extents;
    for (const Dim& d : dims) extents.push_back(d.constant().value_or(-1));
    if (std::ranges::count(extents, 0) > 0 || std::ranges::count(extents, -1) > 1)
      return std::nullopt;
    return extents;
  }
  Made reshaped(ValueId v, const Integers& extents) {
    const auto rank = int64_t(extents.size());
    return rewriter_.add1("reshape", {v, rewriter_.constant(Tensor::of({rank}, extents))});
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
