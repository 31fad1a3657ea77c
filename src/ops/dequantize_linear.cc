// Real numbers from quantized ones.
#include "ops/quantization.h"

namespace hone {
namespace {

constexpr DTypes kSources = kQuantizedBytes | DType::u16 | DType::i16 | DType::i32 | kSubByteInts |
                            DType::f8e4m3fn | DType::f8e4m3fnuz | DType::f8e5m2 |
                            DType::f8e5m2fnuz | DType::f4e2m1;

Result<Types> infer(const Infer& c) {
  const DType dtype = c.given("output_dtype") ? c.dtype_attr("output_dtype") : c.dtype(1);
  if (!kScales.has(dtype))
    return attribute_error(
        c, "the result cannot have " + std::string(name(dtype)) + "; give output_dtype");
  TRY(check_scales(c, 1, 2));
  return Types{Type(dtype, c.shape(0))};
}

}  // namespace

const OpDef& dequantize_linear_op() {
  static const OpDef def{
      .name = "dequantize_linear",
      .doc =
          "(x - zero_point) * scale. One scale, one for each slice along `axis`, or one for "
          "each block_size elements along it. The result has output_dtype, by default that of "
          "the scale.",
      .inputs = {{"x", kSources, 'Q'},
                 {"scale", kScales | DTypes(DType::f8e8m0)},
                 {"zero_point", kSources, 'Q', Port::Presence::optional}},
      .outputs = {{"y", kScales}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{1}},
                {"block_size", AttrKind::integer, false, int64_t{0}},
                {"output_dtype", AttrKind::dtype}},
      .infer = infer,
      .cost = elementwise_cost<2>,
      .reference = [](Call& c) -> Status {
        const Tensor &x = c.in(0), &scale = c.in(1);
        Tensor& y = *TRY(c.out(0));
        const ScaleIndex at(c, 1);
        for (int64_t i = 0; i < x.count(); ++i) {
          const int64_t s = at(i);
          const double zero = c.has(2) ? load_real(c.in(2), s) : 0;
          store_real(y, i, (load_real(x, i) - zero) * load_real(scale, s));
        }
        return ok();
      },
      .examples = {R"(graph dequantize_whole(x: u8[3,4]) -> (y) {
        y = dequantize_linear(x, f32{0.02}, u8{4})
      })",
                   R"(graph dequantize_axis(x: i8[2,3,4]) -> (y) {
        y = dequantize_linear(x, f16[3]{0.5, 0.125, 2.0}) <output_dtype=f32>
      })",
                   R"(graph dequantize_blocks(x: u16[5,2], s: f32[3,2]) -> (y) {
        y = dequantize_linear(x, s) <axis=0, block_size=2>
      })"},
  };
  return def;
}

}  // namespace hone
