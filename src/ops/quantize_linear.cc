// Quantization with scale and zero point.
#include "ops/quantization.h"

namespace hone {
namespace {

constexpr DTypes kTargets = kQuantizedBytes | DType::u16 | DType::i16 | kSubByteInts |
                            DType::f8e4m3fn | DType::f8e4m3fnuz | DType::f8e5m2 |
                            DType::f8e5m2fnuz | DType::f4e2m1;

Result<DType> target(const Infer& c) {
  const std::optional<DType> asked =
      c.given("output_dtype") ? std::optional(c.dtype_attr("output_dtype")) : std::nullopt;
  const DType dtype = c.has(2) ? c.dtype(2) : asked.value_or(DType::u8);
  if (asked && *asked != dtype)
    return attribute_error(c, "output_dtype is " + std::string(name(*asked)) +
                                  ", the zero point has " + std::string(name(dtype)));
  if (!kTargets.has(dtype))
    return attribute_error(c, "cannot quantize to " + std::string(name(dtype)));
  return dtype;
}

// The dtype that the quotient is rounded to.
DType precision(const Infer& c) {
  if (c.given("precision")) return c.dtype_attr("precision");
  return kScales.has(c.dtype(1)) ? c.dtype(1) : DType::f32;
}

Result<Types> infer(const Infer& c) {
  const DType dtype = TRY(target(c));
  if (c.given("precision") && !kScales.has(c.dtype_attr("precision")))
    return attribute_error(c, "precision cannot be " + std::string(name(precision(c))));
  TRY(check_scales(c, 1, 2));
  return Types{Type(dtype, c.shape(0))};
}

Status reference(Call& c) {
  const Tensor &x = c.in(0), &scale = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const DType dtype = y.dtype(), divide = precision(c);
  const bool saturate = c.integer("saturate") != 0;
  const ScaleIndex at(c, 1);
  for (int64_t i = 0; i < x.count(); ++i) {
    const int64_t s = at(i);
    const double quotient =
        round_to(divide, round_to(divide, load_real(x, i)) / round_to(divide, load_real(scale, s)));
    if (is_integer(dtype)) {
      store_integer(y, i, requantize(dtype, quotient, c.has(2) ? load_integer(c.in(2), s) : 0));
    } else if (dtype == DType::f4e2m1) {
      store_real(y, i, quotient + (c.has(2) ? load_real(c.in(2), s) : 0));
    } else {
      y.mutable_data()[i] = std::byte(f32_to_minifloat(dtype, float(quotient), saturate));
    }
  }
  return ok();
}

}  // namespace

const OpDef& quantize_linear_op() {
  static const OpDef def{
      .name = "quantize_linear",
      .doc =
          "saturate(round(x / scale) + zero_point), half to even; the quotient is rounded to "
          "`precision`, by default the dtype of the scale. One scale, one for each slice along "
          "`axis`, or one for each block_size elements along it. Without zero point: "
          "output_dtype, by default u8. saturate=0: overflow of float8 gives NaN or infinity.",
      .inputs = {{"x", kScales | DTypes(DType::i32)},
                 {"scale", kScales | DType::i32 | DTypes(DType::f8e8m0)},
                 {"zero_point", kTargets, 0, Port::Presence::optional}},
      .outputs = {{"y", kTargets}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{1}},
                {"block_size", AttrKind::integer, false, int64_t{0}},
                {"output_dtype", AttrKind::dtype},
                {"precision", AttrKind::dtype},
                {"saturate", AttrKind::integer, false, int64_t{1}}},
      .infer = infer,
      .cost = elementwise_cost<4>,
      .reference = reference,
      .examples = {R"(graph quantize_whole(x: f32[3,4]) -> (y) {
        y = quantize_linear(x, f32{0.02}, u8{128})
      })",
                   R"(graph quantize_axis(x: f32[2,3,4]) -> (y) {
        y = quantize_linear(x, f32[3]{0.5, 0.1, 0.25}, i4[3]{1, 0, -2}) <axis=-2>
      })",
                   R"(graph quantize_blocks(x: f32[2,5], s: f32[2,3]) -> (y) {
        y = quantize_linear(x, s) <block_size=2, output_dtype=f8e4m3fn>
      })"},
  };
  return def;
}

}  // namespace hone
