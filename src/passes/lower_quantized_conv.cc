// Convolutions of quantized tensors with constant weights become `quantized_conv` on packed panels,
// with their channels last, with the rescaling, bias, residual, activation and quantization that
// follow them.
#include <algorithm>

#include "base/checked.h"
#include "ops/quantized_products.h"
#include "ops/window.h"
#include "passes/byte_choice.h"
#include "passes/channels_last.h"
#include "passes/epilogue.h"
#include "passes/pass.h"
#include "passes/quantized_values.h"

namespace hone {
namespace {

struct Found {
  ValueId x, x_zero, y_zero;
  ValueId scale;              // where it is not known
  std::vector<float> scales;  // else one for each filter
  ValueId bias;               // of the convolution
  ValueId offset;             // the same in the units of the sums
  ByteWeights weights;
  Integers kernel;
  std::vector<NodeId> before;  // the convolution and what is before the last node of the rescaling
  NodeId root;                 // the last of the rescaling
  bool of_reals = false;       // of real numbers, as which it can be computed too
  bool depthwise() const {
    return weights.channels == 1 && weights.groups == weights.columns && weights.groups > 1;
  }
};

class Lowering {
 public:
  Lowering(PassContext& c, GraphId graph, PackedWeights& weights, ByteChoice& choice)
      : model_(c.model), rewriter_(c.rewriter(graph)), room_(weights), choice_(choice) {}

  Status run() {
    return each_node(rewriter_, [this](NodeId n) -> Status {
      const auto found = TRY(convolution(n));
      if (!found && graph()[n].op->name == "conv") return conv_of_computed(n);
      return found ? replace(n, *found) : ok();
    });
  }

 private:
  using Maybe = Result<std::optional<Found>>;
  const Graph& graph() { return rewriter_.graph(); }
  const TensorType& type(ValueId v) { return graph()[v].type.tensor; }
  static ValueId input(const Node& node, size_t i) {
    return i < node.inputs.size() ? node.inputs[i] : ValueId{};
  }
  bool is_dense(ValueId v) {
    return v.valid() && graph()[v].kind == Value::Kind::constant &&
           model_.constants[graph()[v].constant.index].type.encoding.is_dense();
  }
  bool is_single(ValueId v) {
    return v.valid() && type(v).shape.ranked && element_count(type(v).shape).is(1);
  }

  Maybe convolution(NodeId n) {
    const std::string_view name = graph()[n].op->name;
    if (name == "conv") return of_reals(n);
    if (name == "conv_integer") return rescaled(n);
    if (name == "qlinear_conv") return requantized_conv(n);
    return std::optional<Found>();
  }

  // What all of them have: a ranked image, filters of known shape that are not too many.
  std::optional<Found> shaped(NodeId n, ValueId x, ValueId filters) {
    const Shape& image = type(x).shape;
    const auto extents = type(filters).shape.fixed();
    if (!image.ranked || image.rank() < 3 || image.rank() > 5 || !extents ||
        extents->size() != image.rank() || graph()[filters].kind != Value::Kind::constant)
      return std::nullopt;
    const Node& node = graph()[n];
    Found f;
    f.x = x;
    f.kernel.assign(extents->begin() + 2, extents->end());
    f.weights.id = graph()[filters].constant;
    f.weights.filters = true;
    f.weights.columns = (*extents)[0];
    f.weights.channels = (*extents)[1];
    f.weights.groups = Infer(*node.op, node.attrs, {}, 1).integer("group");
    f.weights.positions = 1;
    for (const int64_t k : f.kernel) {
      if (k < 1 || f.weights.positions > kMostPositions / k) return std::nullopt;
      f.weights.positions *= k;
    }
    f.weights.depth = f.weights.channels * f.weights.positions;
    if (f.weights.columns == 0 || f.weights.channels == 0 || f.weights.groups < 1 ||
        f.weights.columns % f.weights.groups != 0)
      return std::nullopt;
    // Panels of narrow groups are mostly zeros.
    const int64_t columns = f.weights.columns / f.weights.groups;
    constexpr int64_t kNarrow = 4;
    if (!f.depthwise() && f.weights.groups > 1 && columns < kNarrow) return std::nullopt;
    return f;
  }

  // A convolution of real numbers that stand for bytes.
  Maybe of_reals(NodeId n) {
    std::optional<Found> none;
    const Node& node = graph()[n];
    const auto x = dequantized(model_, graph(), node.inputs[0]);
    if (!x) return none;
    auto f = shaped(n, x->bytes, node.inputs[1]);
    if (!f) return none;
    const auto w = TRY(scaled_bytes(model_, graph(), node.inputs[1], 0, f->weights.columns));
    const ValueId bias = input(node, 2);
    if (!w || (bias.valid() && graph()[bias].kind != Value::Kind::constant)) return none;
    f->x_zero = x->zero;
    f->bias = bias;
    f->weights.dtype = w->weights.dtype;
    f->weights.zero = w->weights.zero;
    f->scales = w->scales;
    const bool exact =
        std::ranges::all_of(f->scales, [&](float s) { return multiplies_exactly(s, x->scale); });
    if (!exact || f->weights.depth > kDeepestSum) return none;
    for (float& s : f->scales) s *= x->scale;
    f->root = n;
    f->of_reals = true;
    return f;
  }

  // The filters are computed, too.
  Status conv_of_computed(NodeId n) {
    const Node node = graph()[n];
    const auto x = dequantized(model_, graph(), node.inputs[0]);
    const auto w = dequantized(model_, graph(), node.inputs[1]);
    const auto extents = type(node.inputs[1]).shape.fixed();
    // The sums have to fit in 32 bits.
    constexpr int64_t kDeepest = int64_t{1} << 15;
    if (!x || !w || !extents || extents->size() < 3 || extents->size() > 5 ||
        input(node, 2).valid())
      return ok();
    int64_t depth = 1;
    for (size_t i = 1; i < extents->size(); ++i) {
      if ((*extents)[i] > kDeepest / depth) return ok();
      depth *= std::max<int64_t>(1, (*extents)[i]);
    }
    return replace_pair(rewriter_, n, {"conv_integer", "qlinear_conv"}, *x, *w);
  }

  Result<bool> take_zero(Found& f, ValueId zero) {
    if (!zero.valid()) return true;
    if (!is_dense(zero)) return false;
    const Tensor given = TRY(model_.read(graph()[zero].constant));
    if (given.count() != 1 && given.count() != f.weights.columns) return false;
    for (int64_t j = 0; j < f.weights.columns; ++j)
      f.weights.zero.push_back(int32_t(load_integer(given, given.count() == 1 ? 0 : j)));
    return true;
  }

  // conv_integer, cast to f32, times a scale.
  Maybe rescaled(NodeId n) {
    std::optional<Found> none;
    const Node& node = graph()[n];
    auto f = shaped(n, node.inputs[0], node.inputs[1]);
    f = f && is_dense(node.inputs[1]) ? f : none;
    if (!f || !TRY(take_zero(*f, input(node, 3)))) return none;
    f->x_zero = input(node, 2);
    f->weights.dtype = type(node.inputs[1]).dtype;
    EpilogueChain chain(model_, graph(), n, 1, f->weights.columns);
    const auto cast = chain.next();
    if (!cast || graph()[*cast].op->name != "cast" ||
        type(graph()[*cast].outputs[0]).dtype != DType::f32)
      return none;
    chain.take(*cast);
    const auto scaling = chain.next();
    if (!scaling || graph()[*scaling].op->name != "mul") return none;
    const Node& mul = graph()[*scaling];
    f->scale = mul.inputs[mul.inputs[0] == chain.output() ? 1 : 0];
    if (f->scale == chain.output() || !is_single(f->scale) || type(f->scale).dtype != DType::f32 ||
        type(mul.outputs[0]).shape != type(chain.output()).shape)
      return none;
    f->before = chain.nodes;
    f->root = *scaling;
    return f;
  }

  // x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias in i32.
  Maybe requantized_conv(NodeId n) {
    std::optional<Found> none;
    const Node& node = graph()[n];
    const auto& in = node.inputs;
    auto f = shaped(n, in[0], in[3]);
    f = f && is_dense(in[3]) ? f : none;
    if (!f || !TRY(take_zero(*f, in[5]))) return none;
    for (size_t i : {1, 4, 6})
      if (!is_dense(in[i]) || type(in[i]).dtype != DType::f32) return none;
    if (!is_single(in[1]) || !is_single(in[2]) || !is_single(in[6]) || !is_single(in[7]))
      return none;
    f->offset = input(node, 8);
    f->x_zero = in[2];
    f->y_zero = in[7];
    f->weights.dtype = type(in[3]).dtype;
    const Tensor x = TRY(model_.read(graph()[in[1]].constant));
    const Tensor w = TRY(model_.read(graph()[in[4]].constant));
    const Tensor y = TRY(model_.read(graph()[in[6]].constant));
    if (w.count() != 1 && w.count() != f->weights.columns) return none;
    for (int64_t j = 0; j < f->weights.columns; ++j) {
      const float product = x.as<float>()[0] * w.as<float>()[size_t(w.count() == 1 ? 0 : j)];
      f->scales.push_back(product / y.as<float>()[0]);
    }
    f->root = n;
    return f;
  }

  Status replace(NodeId n, Found f) {
    const Node node = graph()[n];
    EpilogueChain chain(model_, graph(), f.root, 1, f.weights.columns);
    std::vector<float> bias(size_t(f.weights.columns), 0.0f);
    if (f.bias.valid()) bias = TRY(chain.per_channel(f.bias));
    float multiplier = 1;
    if (!f.y_zero.valid()) {
      chain.follow();
      multiplier = TRY(take_quantization(rewriter_, chain, f.y_zero));
    }
    if (chain.bias.valid()) {
      const std::vector<float> more = TRY(chain.per_channel(chain.bias));
      for (size_t m = 0; m < bias.size(); ++m) bias[m] += more[m];
    }
    Builder::Given given = attributes(node, f, chain);
    if (f.of_reals && !faster_in_bytes(f, chain, given)) return ok();
    multiplier = fold_multiplier(multiplier, chain, f.scales, bias);
    given = attributes(node, f, chain);
    std::vector<NodeId> nodes = f.before;
    nodes.insert(nodes.end(), chain.nodes.begin(), chain.nodes.end());
    rewriter_.stands_for(nodes);
    const ValueId old = chain.output();
    const ValueId x = TRY(to_channels_last(rewriter_, f.x));
    ValueId residual, added;
    if (chain.residual.valid()) residual = TRY(to_channels_last(rewriter_, chain.residual));
    if (std::ranges::any_of(bias, [](float b) { return b != 0; }))
      added = rewriter_.constant(Tensor::of({f.weights.columns}, bias), "bias");
    ValueId scale = f.scale;
    if (!scale.valid())
      scale = rewriter_.constant(Tensor::of({f.weights.columns}, f.scales), "scale");
    else if (type(scale).shape.rank() > 1)
      scale = TRY(rewriter_.add1("reshape", {scale, rewriter_.integers({1})}));
    const auto packed = f.depthwise() ? pack_depthwise(f.weights, rewriter_, room_)
                                      : pack_groups(f.weights, rewriter_, room_);
    if (!packed) return ok();  // they do not fit: it stays as it is
    given.emplace_back("multiplier", multiplier);
    const auto made = rewriter_.add1(f.depthwise() ? "quantized_depthwise_conv" : "quantized_conv",
                                     {x, packed->panels, added, residual, scale, f.x_zero,
                                      packed->sums, packed->zero, f.y_zero, f.offset},
                                     std::move(given));
    if (!made) return ok();
    const ValueId back = TRY(to_channels_first(rewriter_, *made));
    if (!rewriter_.can_replace(old, back)) return ok();  // swept
    return rewriter_.replace(old, back, "lowered to quantized_conv");
  }

  bool faster_in_bytes(const Found& f, const EpilogueChain& chain, const Builder::Given& attrs) {
    const ByteWeights& w = f.weights;
    ByteProduct p{.bytes = "quantized_conv", .reals = "channels_last_conv", .x = type(f.x)};
    std::vector<Dim>& dims = p.x.shape.dims;
    std::rotate(dims.begin() + 1, dims.begin() + 2, dims.end());
    const int64_t width = std::max<int64_t>(1, choice_.width()), columns = w.columns / w.groups;
    p.panels = {w.groups, panel_count(columns, kPanelColumns), padded_groups(w.depth),
                kPanelColumns, kPanelGroup};
    p.real_panels = {w.groups, panel_count(columns, width), w.depth, width};
    if (f.depthwise()) {
      p.bytes = "quantized_depthwise_conv";
      p.reals = "channels_last_depthwise_conv";
      p.panels = p.real_panels = {w.positions, w.columns};
    }
    p.columns = w.columns;
    if (f.y_zero.valid()) p.result = type(f.y_zero).dtype;
    p.attrs = attrs;
    const int64_t elements = element_count(type(chain.output()).shape).constant().value_or(0);
    p.macs = checked_mul(elements, w.depth).value_or(INT64_MAX);
    return choice_.bytes(p);
  }

  static Builder::Given attributes(const Node& node, const Found& f, const EpilogueChain& chain) {
    Builder::Given given;
    const Infer c(*node.op, node.attrs, {}, 1);
    given.emplace_back("auto_pad", c.text("auto_pad"));
    for (const char* name : {"dilations", "pads", "strides"})
      if (c.given(name)) given.emplace_back(name, c.list(name));
    given.emplace_back("kernel_shape", f.kernel);
    given.emplace_back("activation", chain.activation);
    given.emplace_back("low", float(chain.low));
    given.emplace_back("high", float(chain.high));
    if (f.depthwise()) return given;
    given.emplace_back("filters", f.weights.columns);
    given.emplace_back("group", f.weights.groups);
    return given;
  }

  Model& model_;
  Rewriter rewriter_;
  PackedWeights& room_;
  ByteChoice& choice_;
};

}  // namespace

const PassDef& lower_quantized_conv_pass() {
  static const PassDef def{
      .name = "lower_quantized_conv",
      .doc = "convolutions of bytes work on packed panels and channels that are the last axis",
      .options = {"prefer", "width"},
      .run = [](PassContext& c) -> Status {
        PackedWeights weights(c);
        ByteChoice choice = TRY(ByteChoice::make(c));
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g)
          TRY(Lowering(c, GraphId{g}, weights, choice).run());
        c.model.release_all();
        return ok();
      },
  };
  return def;
}

}  // namespace hone
