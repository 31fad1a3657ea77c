// What is computed of rows and goes on in bytes: norms and gated units in front of products with
// block-quantized weights.
#include <cmath>

#include "ops/quantization.h"
#include "ops/window.h"

namespace hone {
namespace {

// Types of codes and scales for rows of this shape.
Result<Types> infer_rows(const Infer& c, Shape shape) {
  const int64_t block = c.integer("block");
  if (block < 1 || block > INT32_MAX)
    return attribute_error(c, "a block of " + std::to_string(block) + " elements");
  Shape scales = shape;
  if (scales.ranked) {
    if (scales.rank() == 0) return shape_error(c, "x has no axes");
    scales.dims.back() = ceil_div(scales.dims.back(), Dim(block));
  }
  return Types{Type(DType::i8, std::move(shape)), Type(DType::f32, std::move(scales))};
}

Status store_rows(Call& c, const Tensor& y) {
  Tensor& codes = *TRY(c.out(0));
  quantize_rows(y, c.integer("block"), codes, TRY(c.out(1)));
  return ok();
}

Result<Types> infer_rms(const Infer& c) {
  const Shape& x = c.shape(0);
  if (x.ranked && x.rank() > 0) TRY(expect_vector(c, 1, x.dims.back()));
  return infer_rows(c, x);
}

Status reference_rms(Call& c) {
  const auto x = c.in(0).as<float>(), scale = c.in(1).as<float>();
  Tensor y = TRY(Tensor::make(DType::f32, c.in(0).shape(), c.memory_limit));
  const size_t n = scale.size();
  for (size_t row = 0; row < x.size(); row += n) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += double(x[row + i]) * double(x[row + i]);
    const double root = std::sqrt(sum / double(n) + c.real("epsilon"));
    for (size_t i = 0; i < n; ++i)
      y.as<float>()[row + i] = float(double(x[row + i]) / root * double(scale[i]));
  }
  return store_rows(c, y);
}

Result<Types> infer_swiglu(const Infer& c) {
  const auto both = meet(Type(c.tensor(0)), Type(c.tensor(1)));
  if (!both)
    return shape_error(c,
                       "the shapes " + c.shape(0).str() + " and " + c.shape(1).str() + " differ");
  return infer_rows(c, both->tensor.shape);
}

Status reference_swiglu(Call& c) {
  Tensor y = TRY(Tensor::make(DType::f32, c.in(0).shape(), c.memory_limit));
  for (int64_t i = 0; i < y.count(); ++i) {
    const double a = load_real(c.in(0), i), b = load_real(c.in(1), i);
    store_real(y, i, a / (1 + std::exp(-a)) * b);
  }
  return store_rows(c, y);
}

}  // namespace

const OpDef& quantized_rms_normalization_op() {
  static const OpDef def{
      .name = "quantized_rms_normalization",
      .doc =
          "rms_normalization over the last axis of x [..., K] with scale [K], as quantize_blocks "
          "makes bytes of it: codes [..., K] and scales [..., ceil(K / block)].",
      .inputs = {{"x", DType::f32}, {"scale", DType::f32}},
      .outputs = {{"codes", DType::i8}, {"scales", DType::f32}},
      .attrs = {{"block", AttrKind::integer, false, int64_t{32}},
                {"epsilon", AttrKind::real, false, 1e-5f}},
      .infer = infer_rms,
      .cost = elementwise_cost<9>,
      .reference = reference_rms,
      .examples = {R"(graph quantized_rms(x: f32[2,3,40], w: f32[40]) -> (q, s) {
        q, s = quantized_rms_normalization(x, w)
      })"},
  };
  return def;
}

const OpDef& quantized_swiglu_op() {
  static const OpDef def{
      .name = "quantized_swiglu",
      .doc =
          "swiglu(a, b) of inputs [..., K] as quantize_blocks makes bytes of it: codes [..., K] "
          "and scales [..., ceil(K / block)].",
      .inputs = {{"a", DType::f32}, {"b", DType::f32}},
      .outputs = {{"codes", DType::i8}, {"scales", DType::f32}},
      .attrs = {{"block", AttrKind::integer, false, int64_t{32}}},
      .infer = infer_swiglu,
      .cost = elementwise_cost<11>,
      .reference = reference_swiglu,
      .examples = {R"(graph quantized_gate(a: f32[3,70], b: f32[3,70]) -> (q, s) {
        q, s = quantized_swiglu(a, b)
      })"},
  };
  return def;
}

}  // namespace hone
