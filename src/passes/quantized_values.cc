#include "passes/quantized_values.h"

#include <algorithm>
#include <cmath>

#include "ops/common.h"
#include "passes/epilogue.h"

namespace hone {
namespace {

bool is_byte(DType dtype) { return dtype == DType::u8 || dtype == DType::i8; }

// The only element of a dense constant in f32.
std::optional<float> number(const Model& model, const Graph& graph, ValueId v) {
  if (!v.valid() || graph[v].kind != Value::Kind::constant) return std::nullopt;
  const Constant& constant = model.constants[graph[v].constant.index];
  if (constant.type.dtype != DType::f32 || !constant.type.encoding.is_dense() ||
      !element_count(constant.type.shape).is(1))
    return std::nullopt;
  const auto value = model.read(graph[v].constant);
  if (!value) return std::nullopt;
  return float(load_real(*value, 0));
}

// Of a node with inputs x, scale, zero point.
std::optional<ByteScale> scale_of(const Model& model, const Graph& graph, const Node& node,
                                  ValueId bytes) {
  ByteScale s;
  s.bytes = bytes;
  s.dtype = graph[bytes].type.tensor.dtype;
  const auto scale = number(model, graph, node.inputs[1]);
  if (!scale || !is_byte(s.dtype)) return std::nullopt;
  s.scale = *scale;
  if (node.inputs.size() > 2) s.zero = node.inputs[2];
  if (s.zero.valid() && !element_count(graph[s.zero].type.tensor.shape).is(1)) return std::nullopt;
  return s;
}

}  // namespace

std::optional<ByteScale> dequantized(const Model& model, const Graph& graph, ValueId v) {
  const NodeId producer = graph[v].producer;
  if (!producer.valid() || graph[producer].op->name != "dequantize_linear" ||
      graph[v].type.tensor.dtype != DType::f32)
    return std::nullopt;
  return scale_of(model, graph, graph[producer], graph[producer].inputs[0]);
}

std::optional<ByteScale> requantized(const Model& model, const Graph& graph, NodeId n) {
  const Node& node = graph[n];
  if (node.op->name != "quantize_linear" || graph[node.inputs[0]].type.tensor.dtype != DType::f32)
    return std::nullopt;
  const Infer c(*node.op, node.attrs, {}, 1);
  if (c.given("precision") && c.dtype_attr("precision") != DType::f32) return std::nullopt;
  auto made = scale_of(model, graph, node, node.outputs[0]);
  // It is multiplied with the reciprocal.
  if (made && !(made->scale > 0 && std::isfinite(made->scale) && std::isfinite(1 / made->scale)))
    return std::nullopt;
  return made;
}

Result<float> take_quantization(Rewriter& rewriter, EpilogueChain& chain, ValueId& zero) {
  const auto user = chain.next();
  const auto made = user ? requantized(rewriter.model(), rewriter.graph(), *user) : std::nullopt;
  if (!made) return 1.0f;
  chain.take(*user);
  zero = made->zero.valid() ? made->zero : TRY(rewriter.scalar(made->dtype, 0));
  return 1 / made->scale;
}

float fold_multiplier(float multiplier, EpilogueChain& chain, std::vector<float>& scales,
                      std::vector<float>& bias) {
  const bool limited =
      chain.activation == "none" || chain.activation == "relu" || chain.activation == "clip";
  if (!limited || scales.empty() || chain.residual.valid() || !(multiplier > 0)) return multiplier;
  const auto finite = [&](const std::vector<float>& numbers) {
    return std::ranges::all_of(numbers, [&](float x) { return std::isfinite(x * multiplier); });
  };
  if (!finite(scales) || !finite(bias)) return multiplier;
  for (float& s : scales) s *= multiplier;
  for (float& b : bias) b *= multiplier;
  chain.low *= multiplier;
  chain.high *= multiplier;
  return 1;
}

bool multiplies_exactly(float a, float b) {
  return std::isnormal(a * b) || (std::isfinite(a * b) && (a == 0 || b == 0));
}

Status replace_pair(Rewriter& rewriter, NodeId product, const PairOps& ops, const ByteScale& a,
                    const ByteScale& b) {
  const Graph& graph = rewriter.graph();
  const Node node = graph[product];
  const ValueId numbers = node.outputs[0];
  const bool alone = graph[numbers].users.size() == 1 && !graph.is_output(numbers);
  const NodeId user = alone ? graph[numbers].users[0] : NodeId{};
  const auto made = alone ? requantized(rewriter.model(), graph, user) : std::nullopt;
  if (!multiplies_exactly(a.scale, b.scale) ||
      (made && !std::isfinite(a.scale * b.scale / made->scale)))
    return ok();
  Builder::Given given;
  for (const NamedAttr& attr : node.attrs) given.emplace_back(attr.name, attr.value);
  const auto zero = [&](const ByteScale& s) -> Result<ValueId> {
    if (s.zero.valid()) return s.zero;
    return rewriter.scalar(s.dtype, 0);
  };
  const auto scale = [&](NodeId of) { return graph[of].inputs[1]; };
  const NodeId of_a = graph[node.inputs[0]].producer, of_b = graph[node.inputs[1]].producer;
  if (made) {
    rewriter.stands_for({product, user});
    const ValueId old = graph[user].outputs[0];
    const ValueId a_zero = TRY(zero(a)), b_zero = TRY(zero(b)), y_zero = TRY(zero(*made));
    const auto y = rewriter.add1(
        ops.requantized,
        {a.bytes, scale(of_a), a_zero, b.bytes, scale(of_b), b_zero, scale(user), y_zero},
        std::move(given));
    if (!y || !rewriter.can_replace(old, *y)) return ok();  // swept
    return rewriter.replace(old, *y, "a product of bytes");
  }
  rewriter.stands_for(product);
  const auto sums =
      rewriter.add1(ops.integer, {a.bytes, b.bytes, a.zero, b.zero}, std::move(given));
  if (!sums) return ok();
  const ValueId real = TRY(rewriter.add1("cast", {*sums}, {{"to", DType::f32}}));
  const ValueId factor =
      rewriter.constant(Tensor::of({}, std::vector<float>{a.scale * b.scale}), "");
  const ValueId y = TRY(rewriter.add1("mul", {real, factor}));
  if (!rewriter.can_replace(numbers, y)) return ok();
  return rewriter.replace(numbers, y, "a product of bytes");
}

Result<std::optional<ScaledBytes>> scaled_bytes(const Model& model, const Graph& graph, ValueId v,
                                                int32_t axis, int64_t columns) {
  std::optional<ScaledBytes> none;
  if (!v.valid() || graph[v].kind != Value::Kind::constant) return none;
  const ConstantId id = graph[v].constant;
  const Constant& constant = model.constants[id.index];
  const Encoding& e = constant.type.encoding;
  if (e.kind != Encoding::Kind::affine || !is_byte(e.storage) || e.block != 0 ||
      (e.axis != -1 && e.axis != axis))
    return none;
  const Tensor scale = TRY(model.read(constant.scale));
  if (scale.dtype() != DType::f32 || (scale.count() != 1 && scale.count() != columns)) return none;
  ScaledBytes s;
  s.weights.id = id;
  s.weights.dtype = e.storage;
  s.weights.columns = columns;
  for (int64_t j = 0; j < columns; ++j)
    s.scales.push_back(scale.as<float>()[size_t(scale.count() == 1 ? 0 : j)]);
  if (!e.has_zero_point) return std::optional(s);
  const Tensor zero = TRY(model.read(constant.zero_point));
  if (zero.dtype() != e.storage || (zero.count() != 1 && zero.count() != columns)) return none;
  for (int64_t j = 0; j < columns; ++j)
    s.weights.zero.push_back(int32_t(load_integer(zero, zero.count() == 1 ? 0 : j)));
  return std::optional(s);
}

}  // namespace hone
