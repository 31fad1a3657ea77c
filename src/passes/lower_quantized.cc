// Products on quantized tensors with constant weights become `quantized_linear` on packed panels,
// with the rescaling, bias, residual and activation that follow them.
#include <algorithm>

#include "base/checked.h"
#include "ops/common.h"
#include "ops/quantized_products.h"
#include "passes/byte_choice.h"
#include "passes/epilogue.h"
#include "passes/pass.h"
#include "passes/quantized_values.h"

namespace hone {
namespace {

struct Found {
  ValueId x, x_zero, scale, y_zero;
  ValueId bias;  // of gemm
  ByteWeights weights;
  std::vector<NodeId> before;  // the product and the rescaling before its last node
  NodeId root;                 // the last of the rescaling
  bool of_reals = false;       // a product of real numbers, as which it can be computed too
};

class Lowering {
 public:
  Lowering(PassContext& c, GraphId graph, PackedWeights& weights, ByteChoice& choice)
      : model_(c.model), rewriter_(c.rewriter(graph)), room_(weights), choice_(choice) {}

  Status run() {
    return each_node(rewriter_, [this](NodeId n) -> Status {
      if (graph()[n].op->name == "add") return sum(n);
      if (graph()[n].op->name == "split") return parts(n);
      const auto found = TRY(product(n));
      if (!found && graph()[n].op->name == "matmul") return product_of_computed(n);
      return found ? replace(*found) : ok();
    });
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }
  const TensorType& type(ValueId v) { return graph()[v].type.tensor; }

  Result<std::optional<Found>> product(NodeId n) {
    const std::string_view name = graph()[n].op->name;
    if (name == "matmul_integer") return rescaled_product(n);
    if (name == "qlinear_matmul") return requantized_product(n);
    if (name == "matmul" || name == "gemm") return product_of_reals(n);
    return std::optional<Found>();
  }

  bool is_constant(ValueId v) {
    return v.valid() && graph()[v].kind == Value::Kind::constant &&
           model_.constants[graph()[v].constant.index].type.encoding.is_dense();
  }
  bool is_single(ValueId v) { return type(v).shape.ranked && element_count(type(v).shape).is(1); }
  static ValueId input(const Node& node, size_t i) {
    return i < node.inputs.size() ? node.inputs[i] : ValueId{};
  }

  // Of two quantized tensors, quantized again.
  Status sum(NodeId n) {
    const Node node = graph()[n];
    const auto a = dequantized(model_, graph(), node.inputs[0]);
    const auto b = dequantized(model_, graph(), node.inputs[1]);
    const Shape& shape = type(node.outputs[0]).shape;
    if (!a || !b || !shape.ranked || shape.rank() == 0 || type(a->bytes).shape != shape ||
        type(b->bytes).shape != shape || !all_known(shape))
      return ok();
    EpilogueChain chain(model_, graph(), n, 0, -1);
    chain.follow();
    const auto user = chain.next();
    const auto made = user ? requantized(model_, graph(), *user) : std::nullopt;
    if (!made || chain.bias.valid() || chain.residual.valid()) return ok();
    chain.take(*user);
    rewriter_.stands_for(chain.nodes);
    const ValueId old = chain.output();
    const ValueId zero = made->zero.valid() ? made->zero : TRY(rewriter_.scalar(made->dtype, 0));
    Builder::Given given{{"a_scale", a->scale},           {"b_scale", b->scale},
                         {"multiplier", 1 / made->scale}, {"activation", chain.activation},
                         {"low", float(chain.low)},       {"high", float(chain.high)}};
    const auto y = rewriter_.add1("quantized_add", {a->bytes, b->bytes, a->zero, b->zero, zero},
                                  std::move(given));
    if (!y || !rewriter_.can_replace(old, *y)) return ok();  // swept
    return rewriter_.replace(old, *y, "lowered to quantized_add");
  }

  // The matrix of weights, with its zero point; none where they are not constant.
  Result<std::optional<ByteWeights>> weights(ValueId matrix, ValueId zero) {
    std::optional<ByteWeights> none;
    const auto extents = type(matrix).shape.fixed();
    if (!is_constant(matrix) || !extents || extents->size() != 2 || (*extents)[0] == 0 ||
        (*extents)[1] == 0 || (zero.valid() && !is_constant(zero)))
      return none;
    ByteWeights w;
    w.id = graph()[matrix].constant;
    w.dtype = type(matrix).dtype;
    w.depth = (*extents)[0];
    w.columns = (*extents)[1];
    if (w.dtype != DType::i8 && w.dtype != DType::u8) return none;
    if (!zero.valid()) return std::optional(w);
    const Tensor given = TRY(model_.read(graph()[zero].constant));
    if (given.count() != 1 && given.count() != w.columns) return none;
    for (int64_t j = 0; j < w.columns; ++j)
      w.zero.push_back(int32_t(load_integer(given, given.count() == 1 ? 0 : j)));
    // Products that share their weights share the panels, whether they name this zero or not.
    if (std::ranges::count(w.zero, 0) == w.columns) w.zero.clear();
    return std::optional(w);
  }

  // matmul_integer, cast to f32, times a scale.
  Result<std::optional<Found>> rescaled_product(NodeId n) {
    std::optional<Found> none;
    const Node& node = graph()[n];
    Found f;
    f.x = node.inputs[0];
    f.x_zero = input(node, 2);
    if (!type(f.x).shape.ranked || type(f.x).shape.rank() == 0 ||
        (f.x_zero.valid() && !is_single(f.x_zero)))
      return none;
    const auto weights = TRY(this->weights(node.inputs[1], input(node, 3)));
    if (!weights) return none;
    f.weights = *weights;
    const size_t rank = type(f.x).shape.rank();
    EpilogueChain chain(model_, graph(), n, rank - 1, f.weights.columns);
    const auto cast = chain.next();
    if (!cast || graph()[*cast].op->name != "cast" ||
        type(graph()[*cast].outputs[0]).dtype != DType::f32)
      return none;
    chain.take(*cast);
    const auto scaling = chain.next();
    if (!scaling || graph()[*scaling].op->name != "mul") return none;
    const Node& mul = graph()[*scaling];
    f.scale = mul.inputs[mul.inputs[0] == chain.output() ? 1 : 0];
    if (f.scale == chain.output() || !is_scale(f.scale, f.weights.columns) ||
        type(mul.outputs[0]).shape != type(chain.output()).shape)
      return none;
    f.before = chain.nodes;
    f.root = *scaling;
    return std::optional(f);
  }
  bool is_scale(ValueId v, int64_t columns) {
    const Shape& shape = type(v).shape;
    if (type(v).dtype != DType::f32 || !shape.ranked) return false;
    return is_single(v) || (shape.rank() == 1 && shape.dims[0].is(columns));
  }

  // With the factor computed as the operator says it.
  Result<std::optional<Found>> requantized_product(NodeId n) {
    std::optional<Found> none;
    const Node& node = graph()[n];
    const auto& in = node.inputs;
    Found f;
    f.x = in[0];
    f.x_zero = in[2];
    f.y_zero = in[7];
    for (size_t i : {1, 4, 6})
      if (!is_constant(in[i]) || type(in[i]).dtype != DType::f32) return none;
    if (!type(f.x).shape.ranked || type(f.x).shape.rank() == 0 || !is_single(in[1]) ||
        !is_single(f.x_zero) || !is_single(in[6]) || !is_single(f.y_zero) ||
        !is_integer(type(f.x).dtype) || !is_integer(type(f.y_zero).dtype))
      return none;
    const auto weights = TRY(this->weights(in[3], in[5]));
    if (!weights) return none;
    f.weights = *weights;
    const Tensor a = TRY(model_.read(graph()[in[1]].constant));
    const Tensor b = TRY(model_.read(graph()[in[4]].constant));
    const Tensor y = TRY(model_.read(graph()[in[6]].constant));
    if (b.count() != 1 && b.count() != f.weights.columns) return none;
    std::vector<float> scale;
    for (const float s : b.as<float>()) {
      const float product = a.as<float>()[0] * s;
      scale.push_back(product / y.as<float>()[0]);
    }
    const auto count = int64_t(scale.size());
    f.scale = rewriter_.constant(Tensor::of({count}, std::move(scale)), "scale");
    f.root = n;
    return std::optional(f);
  }

  // A product of real numbers that stand for bytes.
  Result<std::optional<Found>> product_of_reals(NodeId n) {
    std::optional<Found> none;
    const Node& node = graph()[n];
    const Infer c(*node.op, node.attrs, {}, 1);
    const bool gemm = node.op->name == "gemm";
    const bool transposed = gemm && c.integer("transb") != 0;
    if (gemm && (c.integer("transa") != 0 || c.real("alpha") != 1)) return none;
    const auto x = dequantized(model_, graph(), node.inputs[0]);
    const auto extents = type(node.inputs[1]).shape.fixed();
    if (!x || !extents || extents->size() != 2 || (*extents)[0] == 0 || (*extents)[1] == 0 ||
        !type(x->bytes).shape.ranked || type(x->bytes).shape.rank() == 0)
      return none;
    const int64_t columns = (*extents)[transposed ? 0 : 1];
    const auto w = TRY(scaled_bytes(model_, graph(), node.inputs[1], transposed ? 0 : 1, columns));
    if (!w) return none;
    Found f;
    f.x = x->bytes;
    f.x_zero = x->zero;
    f.weights = w->weights;
    f.weights.depth = (*extents)[transposed ? 1 : 0];
    f.weights.filters = transposed;
    f.weights.channels = f.weights.depth;
    if (gemm && node.inputs.size() > 2 && node.inputs[2].valid() && c.real("beta") != 0) {
      f.bias = node.inputs[2];
      const EpilogueChain chain(model_, graph(), n, type(node.outputs[0]).shape.rank() - 1,
                                columns);
      if (c.real("beta") != 1 || !chain.is_per_channel(f.bias)) return none;
    }
    std::vector<float> scale = w->scales;
    const bool exact =
        std::ranges::all_of(scale, [&](float s) { return multiplies_exactly(s, x->scale); });
    if (!exact || f.weights.depth > kDeepestSum) return none;
    for (float& s : scale) s *= x->scale;
    f.scale = rewriter_.constant(Tensor::of({columns}, std::move(scale)), "scale");
    f.root = n;
    f.of_reals = true;
    return std::optional(f);
  }

  bool faster_in_bytes(const Found& f, const Builder::Given& attrs) {
    ByteProduct p{.bytes = "quantized_linear", .reals = "linear", .x = type(f.x)};
    const ByteWeights& w = f.weights;
    const int64_t width = std::max<int64_t>(1, choice_.width());
    p.panels = {panel_count(w.columns, kPanelColumns), padded_groups(w.depth), kPanelColumns,
                kPanelGroup};
    p.real_panels = {panel_count(w.columns, width), w.depth, width};
    p.columns = w.columns;
    if (f.y_zero.valid()) p.result = type(f.y_zero).dtype;
    p.attrs = attrs;
    const auto known = element_count(p.x.shape).constant();
    const int64_t elements = known.value_or(0);
    if (known) p.rows = elements / w.depth;
    p.macs = checked_mul(elements, w.columns).value_or(INT64_MAX);
    return choice_.bytes(p);
  }

  // Of two computed matrices of numbers that stand for bytes.
  Status product_of_computed(NodeId n) {
    const Node node = graph()[n];
    const auto a = dequantized(model_, graph(), node.inputs[0]);
    const auto b = dequantized(model_, graph(), node.inputs[1]);
    const Shape& x = type(node.inputs[0]).shape;
    if (!a || !b || !x.ranked || x.rank() == 0 ||
        x.dims.back().constant().value_or(kDeepestSum + 1) > kDeepestSum)
      return ok();
    return replace_pair(rewriter_, n, {"matmul_integer", "qlinear_matmul"}, *a, *b);
  }

  Status replace(Found f) {
    const int64_t columns = f.weights.columns;
    const size_t rank = type(f.x).shape.rank();
    EpilogueChain chain(model_, graph(), f.root, rank - 1, columns);
    chain.bias = f.bias;
    float multiplier = 1;
    if (!f.y_zero.valid()) {
      chain.follow();
      if (!chain.residual.valid()) TRY(chain.reshape_before(rewriter_, f.x, f.weights.depth));
      chain.follow();
      multiplier = TRY(take_quantization(rewriter_, chain, f.y_zero));
    }
    ValueId bias = chain.bias;
    if (bias.valid() && graph()[bias].kind == Value::Kind::constant) {
      std::vector<float> numbers = TRY(chain.per_channel(bias));
      bias = rewriter_.constant(Tensor::of({columns}, std::move(numbers)), "bias");
    }
    Builder::Given given{{"columns", columns}, {"activation", chain.activation}};
    given.emplace_back("low", float(chain.low));
    given.emplace_back("high", float(chain.high));
    if (f.of_reals && !faster_in_bytes(f, given)) return ok();
    given.emplace_back("multiplier", multiplier);
    std::vector<NodeId> nodes = f.before;
    nodes.insert(nodes.end(), chain.nodes.begin(), chain.nodes.end());
    rewriter_.stands_for(nodes);
    const ValueId old = chain.output();
    const auto packed = this->packed(f.weights);
    if (!packed) return ok();  // they do not fit: it stays as it is
    const auto made = rewriter_.add1("quantized_linear",
                                     {f.x, packed->panels, bias, chain.residual, f.scale, f.x_zero,
                                      packed->sums, packed->zero, f.y_zero},
                                     std::move(given));
    if (!made || !rewriter_.can_replace(old, *made)) return ok();  // swept
    return rewriter_.replace(old, *made, "lowered to quantized_linear");
  }

  // A product whose columns are split becomes several products: nothing is copied, of results or of
  // panels.
  Status parts(NodeId n) {
    const Node node = graph()[n];
    const std::vector<NodeId> path = to_product(node.inputs[0]);
    const Shape& whole = type(node.inputs[0]).shape;
    int64_t axis = Infer(*node.op, node.attrs, {}, 1).integer("axis");
    if (axis < 0) axis += int64_t(whole.rank());
    if (path.empty() || axis + 1 != int64_t(whole.rank())) return ok();
    std::vector<int64_t> widths;
    for (const ValueId y : node.outputs) {
      const auto extents = type(y).shape.fixed();
      if (!extents || extents->empty() || extents->back() == 0) return ok();
      // Each begins with a panel.
      if (!widths.empty() && widths.back() % kPanelColumns != 0) return ok();
      widths.push_back(extents->back());
    }
    std::vector<NodeId> nodes(path.rbegin(), path.rend());
    nodes.push_back(n);
    rewriter_.stands_for(nodes);
    int64_t first = 0;
    for (size_t i = 0; i < widths.size(); first += widths[i++]) {
      ValueId y = TRY(part(graph()[path.back()], first, widths[i]));
      const Integers shape = *type(node.outputs[i]).shape.fixed();
      if (path.size() > 1) y = TRY(rewriter_.add1("reshape", {y, rewriter_.integers(shape)}));
      if (!rewriter_.can_replace(node.outputs[i], y)) continue;
      TRY(rewriter_.replace(node.outputs[i], y, "a product of some columns"));
    }
    return ok();
  }

  // The reshapes before v and the product that makes it, where nothing else sees them, the columns
  // stay the last axis and constants are all that belongs to columns.
  std::vector<NodeId> to_product(ValueId v) {
    std::vector<NodeId> path;
    for (;;) {
      const NodeId n = graph()[v].producer;
      if (!n.valid() || graph()[v].users.size() != 1 || graph().is_output(v)) return {};
      path.push_back(n);
      const Node& node = graph()[n];
      if (node.op->name == "quantized_linear")
        return has_parts(node) ? path : std::vector<NodeId>();
      if (node.op->name != "reshape") return {};
      const Shape &from = type(node.inputs[0]).shape, &to = type(v).shape;
      if (!from.ranked || !to.ranked || from.rank() == 0 || to.rank() == 0 ||
          !from.dims.back().constant() || from.dims.back() != to.dims.back())
        return {};
      v = node.inputs[0];
    }
  }
  bool has_parts(const Node& node) {
    using namespace quantized;
    if (input(node, kResidual).valid()) return false;
    for (const size_t i : {size_t{1}, kBias, kSums, kWeightZero, kOffset})
      if (input(node, i).valid() && !is_constant(input(node, i))) return false;
    return is_single(node.inputs[kScale]) || is_constant(node.inputs[kScale]);
  }

  // Columns [first, first + columns) of a product.
  Result<ValueId> part(const Node& product, int64_t first, int64_t columns) {
    using namespace quantized;
    const Node node = product;
    std::vector<ValueId> inputs = node.inputs;
    inputs[1] = TRY(
        slices(inputs[1], first / kPanelColumns, (columns + kPanelColumns - 1) / kPanelColumns));
    for (const size_t i : {kBias, kScale, kSums, kWeightZero, kOffset})
      if (input(node, i).valid() && !(i == kScale && is_single(inputs[i])))
        inputs[i] = TRY(slices(inputs[i], first, columns));
    Builder::Given given;
    for (const NamedAttr& a : node.attrs)
      if (a.name != "columns") given.emplace_back(a.name, a.value);
    given.emplace_back("columns", columns);
    return rewriter_.add1("quantized_linear", std::move(inputs), std::move(given));
  }

  // Slices of a constant along its first axis, where they lie.
  Result<ValueId> slices(ValueId v, int64_t first, int64_t count) {
    Constant c = model_.constants[graph()[v].constant.index];
    Shape& shape = c.type.shape;
    const Extents extents = *shape.fixed();
    size_t slice = size_t(bits(c.type.dtype)) / 8;
    for (size_t i = 1; i < extents.size(); ++i) slice *= size_t(extents[i]);
    shape.dims[0] = Dim(count);
    if (auto* span = std::get_if<Constant::Span>(&c.data)) {
      span->offset += uint64_t(first) * slice;
      span->length = uint64_t(count) * slice;
    } else {
      auto& bytes = std::get<std::vector<std::byte>>(c.data);
      bytes = {bytes.begin() + first * int64_t(slice),
               bytes.begin() + (first + count) * int64_t(slice)};
    }
    return rewriter_.constant(model_.add_constant(std::move(c)));
  }

  // Products that share their weights share the panels.
  Result<PackedBytes> packed(const ByteWeights& w) {
    const auto key = std::tuple(w.id.index, w.filters, w.zero);
    if (const auto it = packed_.find(key); it != packed_.end()) return it->second;
    const PackedBytes made = TRY(pack(w, rewriter_, room_));
    packed_.emplace(key, made);
    return made;
  }

  Model& model_;
  Rewriter rewriter_;
  PackedWeights& room_;
  ByteChoice& choice_;
  std::map<std::tuple<uint32_t, bool, std::vector<int32_t>>, PackedBytes> packed_;
};

}  // namespace

const PassDef& lower_quantized_pass() {
  static const PassDef def{
      .name = "lower_quantized",
      .doc = "products of bytes with constant matrices work on packed panels, with what follows",
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
