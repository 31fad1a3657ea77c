// Quantization to i8 with a scale for every few neighbours, found from the data: how products with
// block-quantized weights take their other operand.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/quantization.h"

namespace hone {
namespace {

// Every step is rounded to f32, as kernels do it: bytes come out equal.
float quantize(std::span<const float> x, Tensor& y, int64_t at) {
  float most = 0;
  bool finite = true;
  for (const float v : x) {
    finite = finite && std::isfinite(v);
    most = std::max(most, std::fabs(v));
  }
  const bool some = finite && most >= 0x1p-100f;
  const float inverse = some ? 127.0f / most : 0;
  for (size_t i = 0; i < x.size(); ++i)
    store_integer(y, at + int64_t(i), some ? int64_t(std::nearbyint(x[i] * inverse)) : 0);
  return finite ? (some ? most / 127.0f : 0) : std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

void quantize_rows(const Tensor& x, int64_t block, Tensor& y, Tensor* scales) {
  const auto from = x.as<float>();
  const int64_t row = x.shape().back();
  int64_t s = 0;
  for (int64_t begin = 0; begin < y.count(); begin += row)
    for (int64_t i = 0; i < row; i += block) {
      const int64_t n = std::min(block, row - i);
      const float found = quantize(from.subspan(size_t(begin + i), size_t(n)), y, begin + i);
      if (scales) store_real(*scales, s++, found);
    }
}

Status add_quantized(const Infer& c, Types& types) {
  const int64_t block = c.integer("quantized_block");
  if (block < 0 || block > INT32_MAX || (block > 0) != (c.outputs() > 1))
    return attribute_error(c, "a block of " + std::to_string(block) + " for " +
                                  std::to_string(c.outputs()) + " results");
  if (block == 0) return ok();
  const Type& y = types[0];
  if (y.tensor.dtype != DType::f32) return type_error(c, "only f32 is quantized to bytes");
  Shape scales = y.tensor.shape;
  if (scales.ranked && scales.rank() == 0) return shape_error(c, "the result has no axes");
  if (scales.ranked) scales.dims.back() = ceil_div(scales.dims.back(), Dim(block));
  const Type codes(DType::i8, y.tensor.shape);
  types.push_back(codes);
  types.emplace_back(DType::f32, std::move(scales));
  return ok();
}

Status store_quantized(Call& c) {
  if (c.outputs() < 3) return ok();
  const Tensor y = *TRY(c.out(0));
  Tensor& codes = *TRY(c.out(1));
  quantize_rows(y, c.integer("quantized_block"), codes, TRY(c.out(2)));
  return ok();
}

namespace {

Result<Types> infer(const Infer& c) {
  const int64_t block = c.integer("block");
  if (block < 1 || block > INT32_MAX)
    return attribute_error(c, "a block of " + std::to_string(block) + " elements");
  Shape scales = c.shape(0);
  if (scales.ranked) {
    if (scales.rank() == 0) return shape_error(c, "x has no axes");
    scales.dims.back() = ceil_div(scales.dims.back(), Dim(block));
  }
  Types types{Type(DType::i8, c.shape(0)), Type(DType::f32, std::move(scales))};
  types.resize(std::max<size_t>(1, c.outputs()));
  return types;
}

Status reference(Call& c) {
  Tensor& y = *TRY(c.out(0));
  Tensor* scale = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
  quantize_rows(c.in(0), c.integer("block"), y, scale);
  return ok();
}

}  // namespace

const OpDef& quantize_blocks_op() {
  static const OpDef def{
      .name = "quantize_blocks",
      .doc =
          "y = round(x * (127 / m)), half to even, in i8 and scale = m / 127 in f32, where m is "
          "the largest |x| among `block` elements along the last axis (the last block may be "
          "shorter). y [..., K], scale [..., ceil(K / block)]. Where m < 2^-100 both are 0; where "
          "x "
          "is not finite, scale is NaN and y 0.",
      .inputs = {{"x", DType::f32}},
      .outputs = {{"y", DType::i8}, {"scale", DType::f32, 0, Port::Presence::optional}},
      .attrs = {{"block", AttrKind::integer, false, int64_t{32}}},
      .infer = infer,
      .cost = elementwise_cost<4>,
      .reference = reference,
      .examples = {R"(graph quantize_blocks_some(x: f32[3,70]) -> (y, s) {
        y, s = quantize_blocks(x)
      })",
                   R"(graph quantize_blocks_small(x: f32[10]) -> (y, s) {
        y, s = quantize_blocks(x) <block=4>
      })"},
  };
  return def;
}

}  // namespace hone
