// ONNX and com.microsoft operators of the family "quantize".
#include <cstring>

#include "base/checked.h"
#include "base/text.h"
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Outputs = Result<std::vector<ValueId>>;
using Emitted = Result<ValueId>;

Outputs one(ValueId value) { return std::vector<ValueId>{value}; }

// The attributes of (de)quantization; a dtype of 0 means that it is not given.
Result<Builder::Given> quantization(NodeContext& c) {
  Builder::Given given;
  for (const char* name : {"axis", "block_size", "saturate"})
    if (c.has(name)) given.emplace_back(name, TRY(c.integer(name)));
  for (const char* name : {"output_dtype", "precision"})
    if (c.has(name) && TRY(c.integer(name)) != 0) given.emplace_back(name, TRY(c.dtype(name)));
  return given;
}

Outputs quantize_linear(NodeContext& c) {
  Builder::Given given = TRY(quantization(c));
  return c.emit("quantize_linear", c.inputs(), std::move(given));
}

Outputs dequantize_linear(NodeContext& c) {
  Builder::Given given = TRY(quantization(c));
  return c.emit("dequantize_linear", c.inputs(), std::move(given));
}

// --- com.microsoft -------------------------------------------------------------------------------

// Three consecutive inputs: a tensor, its scale, its zero point (which may be absent).
Emitted dequantized(NodeContext& c, size_t first) {
  return c.emit1("dequantize_linear", {c.input(first), c.input(first + 1), c.input(first + 2)});
}

// With the scale and zero point at `scale`; the dtype is that of input `like` when there is none.
Outputs quantized(NodeContext& c, ValueId value, size_t scale, size_t like) {
  Builder::Given given;
  if (!c.has_input(scale + 1)) given.emplace_back("output_dtype", c.input_type(like).tensor.dtype);
  return c.emit("quantize_linear", {value, c.input(scale), c.input(scale + 1)}, std::move(given));
}

template <const char* op>
Outputs qlinear_binary(NodeContext& c) {
  const ValueId a = TRY(dequantized(c, 0)), b = TRY(dequantized(c, 3));
  return quantized(c, TRY(c.emit1(op, {a, b})), 6, 0);
}
constexpr char kAdd[] = "add", kMul[] = "mul";

Outputs qlinear_sigmoid(NodeContext& c) {
  const ValueId x = TRY(dequantized(c, 0));
  return quantized(c, TRY(c.emit1("sigmoid", {x})), 3, 0);
}

Outputs qlinear_leaky_relu(NodeContext& c) {
  const float alpha = TRY(c.real("alpha", 0.01f));
  const ValueId x = TRY(dequantized(c, 0));
  return quantized(c, TRY(c.emit1("leaky_relu", {x}, {{"alpha", alpha}})), 3, 0);
}

Outputs qlinear_softmax(NodeContext& c) {
  const Shape shape = c.input_type(0).tensor.shape;
  const int64_t axis = TRY(c.integer("axis", -1)), opset = TRY(c.integer("opset", 13));
  const bool last = axis == -1 || (shape.ranked && axis == int64_t(shape.rank()) - 1);
  if (opset < 13 && !last) return c.unsupported("softmax over several axes");
  const ValueId x = TRY(dequantized(c, 0));
  return quantized(c, TRY(c.emit1("softmax", {x}, {{"axis", axis}})), 3, 0);
}

// Moves the channels of [N, in..., C] to axis 1, or back.
Emitted move_channels(NodeContext& c, ValueId value, size_t rank, bool to_front) {
  Integers perm = {0};
  if (to_front) perm.push_back(int64_t(rank) - 1);
  for (size_t i = to_front ? 1 : 2; i + (to_front ? 1 : 0) < rank; ++i) perm.push_back(int64_t(i));
  if (!to_front) perm.push_back(1);
  return c.emit1("transpose", {value}, {{"perm", perm}});
}

Outputs qlinear_pool(NodeContext& c, const char* op, Builder::Given given) {
  const bool last = TRY(c.integer("channels_last", 0)) != 0;
  const Shape shape = c.input_type(0).tensor.shape;
  if (last && (!shape.ranked || shape.rank() < 3))
    return c.unsupported("channels_last needs a known number of axes, at least 3");
  ValueId x = TRY(dequantized(c, 0));
  if (last) x = TRY(move_channels(c, x, shape.rank(), true));
  x = TRY(c.emit1(op, {x}, std::move(given)));
  if (last) x = TRY(move_channels(c, x, shape.rank(), false));
  return quantized(c, x, 3, 0);
}

Outputs qlinear_average_pool(NodeContext& c) {
  Builder::Given given;
  given.emplace_back("kernel_shape", TRY(c.integers("kernel_shape")));
  given.emplace_back("auto_pad", TRY(c.text("auto_pad", "NOTSET")));
  for (const char* name : {"ceil_mode", "count_include_pad"})
    given.emplace_back(name, TRY(c.integer(name, 0)));
  for (const char* list : {"pads", "strides"})
    if (c.has(list)) given.emplace_back(list, TRY(c.integers(list)));
  return qlinear_pool(c, "average_pool", std::move(given));
}

Outputs qlinear_global_average_pool(NodeContext& c) {
  return qlinear_pool(c, "global_average_pool", {});
}

// Scale and zero point of the result, then three inputs for each tensor.
Outputs qlinear_concat(NodeContext& c) {
  std::vector<ValueId> parts;
  if (c.input_count() < 5 || (c.input_count() - 2) % 3 != 0)
    return c.unsupported("needs three inputs for each tensor");
  for (size_t i = 2; i < c.input_count(); i += 3) parts.push_back(TRY(dequantized(c, i)));
  const int64_t axis = TRY(c.integer("axis"));
  const ValueId whole = TRY(c.emit1("concat", parts, {{"axis", axis}}));
  return quantized(c, whole, 0, 2);
}

Emitted to_real(NodeContext& c, ValueId value, DType dtype) {
  return c.emit1("cast", {value}, {{"to", dtype}});
}

// sums * a_scale * b_scale + bias, in the dtype of the scales.
Emitted rescaled(NodeContext& c, ValueId sums, ValueId a_scale, ValueId b_scale, ValueId bias) {
  const DType dtype = c.type_of(b_scale).tensor.dtype;
  const ValueId factor = TRY(c.emit1("mul", {a_scale, b_scale}));
  const ValueId whole = TRY(to_real(c, sums, dtype));
  const ValueId y = TRY(c.emit1("mul", {whole, factor}));
  return bias.valid() ? c.emit1("add", {y, bias}) : Emitted(y);
}

// A, B, b_scale, b_zero_point, bias.
Outputs dynamic_quantize_matmul(NodeContext& c) {
  const auto a = TRY(c.emit("dynamic_quantize_linear", {c.input(0)}, {}, 3));
  const ValueId sums = TRY(c.emit1("matmul_integer", {a[0], c.input(1), a[2], c.input(3)}));
  return one(TRY(rescaled(c, sums, a[1], c.input(2), c.input(4))));
}

// A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias.
Outputs matmul_integer_to_float(NodeContext& c) {
  const ValueId sums =
      TRY(c.emit1("matmul_integer", {c.input(0), c.input(1), c.input(4), c.input(5)}));
  // One scale for each row of A stands along axis 0 of the result.
  ValueId a_scale = c.input(2);
  if (const Shape& shape = c.input_type(2).tensor.shape;
      shape.ranked && shape.rank() == 1 && !shape.dims[0].is(1))
    a_scale = TRY(c.emit1("unsqueeze", {a_scale, c.builder().integers({-1})}));
  return one(TRY(rescaled(c, sums, a_scale, c.input(3), c.input(6))));
}

// A, a_scale, a_zero_point, B, b_scale, b_zero_point, C, y_scale, y_zero_point.
Outputs q_gemm(NodeContext& c) {
  ValueId a = c.input(0), b = c.input(3);
  if (TRY(c.integer("transA", 0)) != 0) a = TRY(c.emit1("transpose", {a}));
  if (TRY(c.integer("transB", 0)) != 0) b = TRY(c.emit1("transpose", {b}));
  const float alpha = TRY(c.real("alpha", 1.0f));
  ValueId sums = TRY(c.emit1("matmul_integer", {a, b, c.input(2), c.input(5)}));
  if (c.has_input(6)) sums = TRY(c.emit1("add", {sums, c.input(6)}));
  ValueId y = TRY(rescaled(c, sums, c.input(1), c.input(4), {}));
  if (alpha != 1) {
    const ValueId factor = TRY(c.builder().scalar(DType::f32, alpha));
    y = TRY(c.emit1("mul", {y, factor}));
  }
  return c.has_input(7) ? quantized(c, y, 7, 0) : one(y);
}

// The bytes of a constant of one dtype under another dtype and shape that take as many.
Emitted relabelled(NodeContext& c, ValueId value, DType from, DType dtype, Extents shape) {
  Builder& b = c.builder();
  const ConstantId source = value.valid() ? b.graph()[value].constant : ConstantId{};
  if (!source.valid()) return c.unsupported("packed weights must be constants");
  Constant constant = b.model().constants[source.index];
  const auto count = checked_product(shape);
  const auto bytes = count ? bytes_for(dtype, *count) : std::nullopt;
  const auto fixed = constant.type.shape.fixed();
  const auto held = fixed ? checked_product(*fixed) : std::nullopt;
  const auto stored = held ? bytes_for(constant.type.dtype, *held) : std::nullopt;
  if (!bytes || constant.type.dtype != from || stored != *bytes)
    return c.unsupported("'" + printable(constant.name) + "' is not " + std::string(name(from)) +
                         " of the size that the attributes tell");
  constant.type = TensorType{dtype, Shape::of(shape), {}};
  return b.constant(b.model().add_constant(std::move(constant)));
}

// A [..., K] in blocks of signed bytes, as products in 8 bits take it, padded to `padded` elements.
Emitted in_blocks(NodeContext& c, ValueId a, int64_t k, int64_t padded, int64_t block) {
  if (padded != k) {
    Builder& b = c.builder();
    a = TRY(c.emit1("pad", {a, b.integers({0, padded - k}), {}, b.integers({-1})}));
  }
  const auto made = TRY(c.emit("quantize_blocks", {a}, {{"block", block}}, 2));
  return c.emit1("dequantize_linear", {made[0], made[1]},
                 {{"axis", int64_t{-1}}, {"block_size", block}});
}

// y = A W^T with W [N, K] in blocks of `block_size` along K. With an accuracy_level of 4 products
// may be computed in 8 bits.
// A, B, scales, zero_points, g_idx, bias.
Outputs matmul_n_bits(NodeContext& c) {
  const int64_t k = TRY(c.integer("K")), n = TRY(c.integer("N"));
  const int64_t bits = TRY(c.integer("bits", 4)), block = TRY(c.integer("block_size"));
  constexpr int64_t kInBytes = 4;
  const bool in_bytes =
      TRY(c.integer("accuracy_level", 0)) == kInBytes && c.input_type(0).tensor.dtype == DType::f32;
  if (c.has_input(4)) return c.unsupported("g_idx");
  if (bits != 2 && bits != 4 && bits != 8) return c.unsupported(std::to_string(bits) + " bits");
  if (k < 1 || n < 1 || block < 1 || k > INT32_MAX || n > INT32_MAX || block > INT32_MAX ||
      block * bits % 8 != 0)
    return c.unsupported("K, N or block_size out of range");
  const DType packed = bits == 2 ? DType::u2 : bits == 4 ? DType::u4 : DType::u8;
  const int64_t blocks = (k + block - 1) / block, per_byte = 8 / bits;
  Builder& b = c.builder();
  auto trimmed = [&](ValueId value, int64_t have, int64_t want) -> Emitted {
    if (have == want) return value;
    return c.emit1("slice", {value, b.integers({0}), b.integers({want}), b.integers({1})});
  };
  const ValueId weights = TRY(relabelled(c, c.input(1), DType::u8, packed, {n, blocks * block}));
  // A constant is one at once: what folding makes of it would come too late for weights to stay
  // encoded.
  const bool constant_scales = b.graph()[c.input(2)].kind == Value::Kind::constant;
  const ValueId scales = constant_scales
                             ? TRY(relabelled(c, c.input(2), c.input_type(2).tensor.dtype,
                                              c.input_type(2).tensor.dtype, {n, blocks}))
                             : TRY(c.emit1("reshape", {c.input(2), b.integers({n, blocks})}));
  ValueId zero;
  if (!c.has_input(3)) {
    // The middle of the range everywhere: a constant at once, so that the weights stay encoded.
    Tensor middle = TRY(Tensor::make(packed, {n, blocks}));
    std::memset(middle.mutable_data(),
                bits == 2   ? 0xaa
                : bits == 4 ? 0x88
                            : 0x80,
                size_t(middle.byte_size()));
    zero = b.constant(std::move(middle));
  } else if (c.input_type(3).tensor.dtype == DType::u8) {
    const int64_t padded = (blocks + per_byte - 1) / per_byte * per_byte;
    zero = TRY(
        trimmed(TRY(relabelled(c, c.input(3), DType::u8, packed, {n, padded})), padded, blocks));
  } else {
    return c.unsupported("zero points that are not packed integers");
  }
  const ValueId whole = TRY(c.emit1("dequantize_linear", {weights, scales, zero},
                                    {{"axis", int64_t{1}}, {"block_size", block}}));
  const ValueId used = in_bytes ? whole : TRY(trimmed(whole, blocks * block, k));
  const ValueId turned = TRY(c.emit1("transpose", {used}, {{"perm", Integers{1, 0}}}));
  const ValueId a = in_bytes ? TRY(in_blocks(c, c.input(0), k, blocks * block, block)) : c.input(0);
  const ValueId y = TRY(c.emit1("matmul", {a, turned}));
  return one(c.has_input(5) ? TRY(c.emit1("add", {y, c.input(5)})) : y);
}

// The operator of the catalogue takes a range, too.
Outputs dynamic_quantize(NodeContext& c) {
  return c.emit("dynamic_quantize_linear", {c.input(0)}, {}, c.output_count());
}

constexpr char kMicrosoft[] = "com.microsoft";

constexpr Translation kTable[] = {
    {"", "ConvInteger", 10, "conv_integer"},
    {"", "DequantizeLinear", 10, "", dequantize_linear, first_inputs(2)},
    {"", "DynamicQuantizeLinear", 11, "", dynamic_quantize, first_inputs(1)},
    {"", "MatMulInteger", 10, "matmul_integer"},
    {"", "QLinearConv", 10, "qlinear_conv"},
    {"", "QLinearMatMul", 10, "qlinear_matmul"},
    {"", "QuantizeLinear", 10, "", quantize_linear, first_inputs(2)},
    {kMicrosoft, "DequantizeLinear", 1, "", dequantize_linear, first_inputs(2)},
    {kMicrosoft, "DynamicQuantizeMatMul", 1, "", dynamic_quantize_matmul, first_inputs(3)},
    {kMicrosoft, "MatMulIntegerToFloat", 1, "", matmul_integer_to_float, first_inputs(4)},
    {kMicrosoft, "MatMulNBits", 1, "", matmul_n_bits, first_inputs(3)},
    {kMicrosoft, "QGemm", 1, "", q_gemm, inputs_at({0, 1, 3, 4})},
    {kMicrosoft, "QLinearAdd", 1, "", qlinear_binary<kAdd>, inputs_at({0, 1, 3, 4, 6})},
    {kMicrosoft, "QLinearAveragePool", 1, "", qlinear_average_pool, inputs_at({0, 1, 3})},
    {kMicrosoft, "QLinearConcat", 1, "", qlinear_concat, first_inputs(1)},
    {kMicrosoft, "QLinearGlobalAveragePool", 1, "", qlinear_global_average_pool,
     inputs_at({0, 1, 3})},
    {kMicrosoft, "QLinearLeakyRelu", 1, "", qlinear_leaky_relu, inputs_at({0, 1, 3})},
    {kMicrosoft, "QLinearMul", 1, "", qlinear_binary<kMul>, inputs_at({0, 1, 3, 4, 6})},
    {kMicrosoft, "QLinearSigmoid", 1, "", qlinear_sigmoid, inputs_at({0, 1, 3})},
    {kMicrosoft, "QLinearSoftmax", 1, "", qlinear_softmax, inputs_at({0, 1, 3})},
    {kMicrosoft, "QuantizeLinear", 1, "", quantize_linear, first_inputs(2)},
};

}  // namespace

std::span<const Translation> quantize_translations() { return kTable; }

}  // namespace hone::onnx
