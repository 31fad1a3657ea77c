// Element-wise operators of ONNX: arithmetic, comparisons, logic, activations, casts, dropout.
#include <array>
#include <utility>

#include "base/text.h"
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Outputs = Result<std::vector<ValueId>>;

// `value` with axes of extent 1 appended.
Result<ValueId> append_axes(NodeContext& c, ValueId value, size_t rank, size_t more) {
  if (more == 0) return value;
  Integers axes;
  for (size_t i = 0; i < more; ++i) axes.push_back(int64_t(rank + i));
  return c.emit1("unsqueeze", {value, c.builder().integers(axes)});
}

// Before opset 7: `axis` says which axis of a the first one of b stands for.
Outputs broadcast_at_axis(NodeContext& c, std::string_view op) {
  const bool broadcasts = TRY(c.integer("broadcast", 0)) != 0;
  std::vector<ValueId> inputs = c.inputs();
  if (c.has("axis") && broadcasts) {
    int64_t axis = TRY(c.integer("axis"));
    const Shape a = c.input_type(0).tensor.shape, b = c.input_type(1).tensor.shape;
    if (!a.ranked || !b.ranked) return c.unsupported("'axis' needs inputs of known rank");
    if (axis < 0) axis += int64_t(a.rank());
    const int64_t more = int64_t(a.rank()) - int64_t(b.rank()) - axis;
    const bool single = element_count(b).is(1);
    if (!single && (axis < 0 || axis > int64_t(a.rank()) || more < 0))
      return fail(ErrorId::bad_attribute,
                  "axis " + std::to_string(axis) + " does not place " + b.str() + " in " + a.str());
    if (!single) inputs[1] = TRY(append_axes(c, inputs[1], b.rank(), size_t(more)));
  }
  return c.emit(op, std::move(inputs));
}

template <const char* op>
Outputs old_binary(NodeContext& c) {
  return broadcast_at_axis(c, op);
}
constexpr char kAdd[] = "add", kSub[] = "sub", kMul[] = "mul", kDiv[] = "div", kPow[] = "pow",
               kAnd[] = "and", kOr[] = "or", kXor[] = "xor", kEqual[] = "equal",
               kGreater[] = "greater", kLess[] = "less";

// Before opset 7: a slope for each channel, or one for all.
Outputs old_prelu(NodeContext& c) {
  const Shape x = c.input_type(0).tensor.shape, slope = c.input_type(1).tensor.shape;
  if (!slope.ranked || slope.rank() != 1 || slope.dims[0].is(1)) return c.emit("prelu", c.inputs());
  if (!x.ranked) return c.unsupported("needs an input of known rank");
  const size_t more = x.rank() < 2 ? 0 : x.rank() - 2;
  const ValueId placed = TRY(append_axes(c, c.input(1), 1, more));
  return c.emit("prelu", {c.input(0), placed});
}

// Before opset 11: the limits as attributes.
Outputs old_clip(NodeContext& c) {
  const DType dtype = c.input_type(0).tensor.dtype;
  std::vector<ValueId> inputs{c.input(0), {}, {}};
  if (c.has("min")) inputs[1] = TRY(c.builder().scalar(dtype, TRY(c.real("min"))));
  if (c.has("max")) inputs[2] = TRY(c.builder().scalar(dtype, TRY(c.real("max"))));
  return c.emit("clip", std::move(inputs));
}

// Before opset 6: the dtype by its name in TensorProto.
Outputs old_cast(NodeContext& c) {
  constexpr std::array<std::pair<std::string_view, DType>, 12> kNames{{{"FLOAT", DType::f32},
                                                                       {"UINT8", DType::u8},
                                                                       {"INT8", DType::i8},
                                                                       {"UINT16", DType::u16},
                                                                       {"INT16", DType::i16},
                                                                       {"INT32", DType::i32},
                                                                       {"INT64", DType::i64},
                                                                       {"BOOL", DType::boolean},
                                                                       {"FLOAT16", DType::f16},
                                                                       {"DOUBLE", DType::f64},
                                                                       {"UINT32", DType::u32},
                                                                       {"UINT64", DType::u64}}};
  const std::string to = TRY(c.text("to"));
  for (const auto& [name, dtype] : kNames)
    if (name == to) return c.emit("cast", c.inputs(), {{"to", dtype}});
  return fail(ErrorId::bad_attribute, "'" + printable(to) + "' is no element type");
}

// Before opset 12: the ratio as an attribute; training by is_test=0 before opset 7, never later.
// The mask is of the dtype of the data before opset 10.
Outputs old_dropout(NodeContext& c) {
  const float ratio = TRY(c.real("ratio", 0.5f));
  const bool training = c.opset() < 7 && TRY(c.integer("is_test", 0)) == 0;
  const DType dtype = c.input_type(0).tensor.dtype;
  if (!training && c.output_count() == 1) return c.emit("identity", c.inputs());
  std::vector<ValueId> inputs{c.input(0)};
  if (training) {
    inputs.push_back(TRY(c.builder().scalar(DType::f32, double(ratio))));
    inputs.push_back(TRY(c.builder().scalar(DType::boolean, 1)));
  }
  std::vector<ValueId> outputs = TRY(c.emit("dropout", std::move(inputs)));
  if (outputs.size() > 1 && c.opset() < 10)
    outputs[1] = TRY(c.emit1("cast", {outputs[1]}, {{"to", dtype}}));
  return outputs;
}

Outputs dropout(NodeContext& c) {
  bool training = c.has_input(2);
  if (training)
    if (const auto& known = c.builder().graph()[c.input(2)].known; known && known->size() == 1)
      training = !(*known)[0].is(0);
  Builder::Given attrs;
  if (c.has("seed")) attrs.emplace_back("seed", TRY(c.integer("seed")));
  if (!training && c.output_count() == 1) return c.emit("identity", {c.input(0)});
  return c.emit("dropout", training ? c.inputs() : std::vector<ValueId>{c.input(0)},
                std::move(attrs));
}

constexpr Translation kTable[] = {
    {"", "Abs", 1, "abs"},
    {"", "Acos", 7, "acos"},
    {"", "Acosh", 9, "acosh"},
    {"", "Add", 1, "", old_binary<kAdd>, first_inputs(2)},
    {"", "Add", 7, "add"},
    {"", "And", 1, "", old_binary<kAnd>, first_inputs(2)},
    {"", "And", 7, "and"},
    {"", "Asin", 7, "asin"},
    {"", "Asinh", 9, "asinh"},
    {"", "Atan", 7, "atan"},
    {"", "Atanh", 9, "atanh"},
    {"", "BitCast", 26, "bit_cast"},
    {"", "BitShift", 11, "bit_shift"},
    {"", "BitwiseAnd", 18, "bitwise_and"},
    {"", "BitwiseNot", 18, "bitwise_not"},
    {"", "BitwiseOr", 18, "bitwise_or"},
    {"", "BitwiseXor", 18, "bitwise_xor"},
    {"", "Cast", 1, "", old_cast, first_inputs(1)},
    {"", "Cast", 6, "cast"},
    {"", "CastLike", 15, "cast_like"},
    {"", "Ceil", 1, "ceil"},
    {"", "Celu", 12, "celu"},
    {"", "Clip", 1, "", old_clip, first_inputs(1)},
    {"", "Clip", 11, "clip"},
    {"", "Cos", 7, "cos"},
    {"", "Cosh", 9, "cosh"},
    {"", "Det", 11, "det"},
    {"", "Div", 1, "", old_binary<kDiv>, first_inputs(2)},
    {"", "Div", 7, "div"},
    {"", "Dropout", 1, "", old_dropout, first_inputs(1)},
    {"", "Dropout", 12, "", dropout, first_inputs(1)},
    {"", "Elu", 1, "elu"},
    {"", "Equal", 1, "", old_binary<kEqual>, first_inputs(2)},
    {"", "Equal", 7, "equal"},
    {"", "Erf", 9, "erf"},
    {"", "Exp", 1, "exp"},
    {"", "Floor", 1, "floor"},
    {"", "Gelu", 20, "gelu"},
    {"", "Greater", 1, "", old_binary<kGreater>, first_inputs(2)},
    {"", "Greater", 7, "greater"},
    {"", "GreaterOrEqual", 12, "greater_or_equal"},
    {"", "HardSigmoid", 1, "hard_sigmoid"},
    {"", "HardSwish", 14, "hard_swish"},
    {"", "Identity", 1, "identity"},
    {"", "IsInf", 10, "is_inf"},
    {"", "IsNaN", 9, "is_nan"},
    {"", "LeakyRelu", 1, "leaky_relu"},
    {"", "Less", 1, "", old_binary<kLess>, first_inputs(2)},
    {"", "Less", 7, "less"},
    {"", "LessOrEqual", 12, "less_or_equal"},
    {"", "Log", 1, "log"},
    {"", "Max", 1, "max"},
    {"", "Mean", 1, "mean"},
    {"", "Min", 1, "min"},
    {"", "Mish", 18, "mish"},
    {"", "Mod", 10, "mod"},
    {"", "Mul", 1, "", old_binary<kMul>, first_inputs(2)},
    {"", "Mul", 7, "mul"},
    {"", "Neg", 1, "neg"},
    {"", "Not", 1, "not"},
    {"", "Or", 1, "", old_binary<kOr>, first_inputs(2)},
    {"", "Or", 7, "or"},
    {"", "PRelu", 1, "", old_prelu, first_inputs(2)},
    {"", "PRelu", 7, "prelu"},
    {"", "Pow", 1, "", old_binary<kPow>, first_inputs(2)},
    {"", "Pow", 7, "pow"},
    {"", "Reciprocal", 1, "reciprocal"},
    {"", "Relu", 1, "relu"},
    {"", "Round", 11, "round"},
    {"", "Selu", 1, "selu"},
    {"", "Shrink", 9, "shrink"},
    {"", "Sigmoid", 1, "sigmoid"},
    {"", "Sign", 9, "sign"},
    {"", "Sin", 7, "sin"},
    {"", "Sinh", 9, "sinh"},
    {"", "Softplus", 1, "softplus"},
    {"", "Softsign", 1, "softsign"},
    {"", "Sqrt", 1, "sqrt"},
    {"", "Sub", 1, "", old_binary<kSub>, first_inputs(2)},
    {"", "Sub", 7, "sub"},
    {"", "Sum", 1, "sum"},
    {"", "SwiGLU", 28, "swiglu"},
    {"", "Swish", 24, "swish"},
    {"", "Tan", 7, "tan"},
    {"", "Tanh", 1, "tanh"},
    {"", "ThresholdedRelu", 1, "thresholded_relu"},
    {"", "Where", 9, "where"},
    {"", "Xor", 1, "", old_binary<kXor>, first_inputs(2)},
    {"", "Xor", 7, "xor"},
};

}  // namespace

std::span<const Translation> math_translations() { return kTable; }

}  // namespace hone::onnx
