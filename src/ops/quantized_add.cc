// The sum of two quantized tensors, quantized again: what dequantize_linear, add, an activation and
// quantize_linear are lowered to.
#include "ops/activation.h"
#include "ops/quantization.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_activation(c));
  for (size_t i : {2, 3, 4})
    if (c.has(i) && c.shape(i).ranked && !element_count(c.shape(i)).is(1))
      return shape_error(c, "a zero point of shape " + c.shape(i).str() + ", not one element");
  const Shape &a = c.shape(0), &b = c.shape(1);
  if (a.ranked && b.ranked) {
    TRY(expect_rank(c, 1, a.rank()));
    for (size_t i = 0; i < a.rank(); ++i)
      TRY(same_extent(c, a.dims[i], b.dims[i], "extents of a and b"));
  }
  return Types{Type(c.dtype(4), a.ranked ? a : b)};
}

// Every step is rounded to f32, as kernels do it.
Status reference(Call& c) {
  Tensor& y = *TRY(c.out(0));
  const auto zero = [&](size_t i) { return c.has(i) ? load_integer(c.in(i), 0) : 0; };
  const auto a_scale = float(c.real("a_scale")), b_scale = float(c.real("b_scale")),
             multiplier = float(c.real("multiplier"));
  const int64_t a_zero = zero(2), b_zero = zero(3), y_zero = zero(4);
  for (int64_t i = 0; i < y.count(); ++i) {
    const float a = float(load_integer(c.in(0), i) - a_zero) * a_scale;
    const float b = float(load_integer(c.in(1), i) - b_zero) * b_scale;
    const float sum = float(activated(c, double(a + b)));
    store_integer(y, i, requantize(y.dtype(), double(sum * multiplier), y_zero));
  }
  return ok();
}

}  // namespace

const OpDef& quantized_add_op() {
  static const OpDef def{
      .name = "quantized_add",
      .doc =
          "saturate(round(activation((a - a_zero_point) * a_scale + (b - b_zero_point) * b_scale) "
          "* multiplier) + y_zero_point), half to even, every step in f32.",
      .inputs = {{"a", kQuantizedBytes, 'A'},
                 {"b", kQuantizedBytes, 'B'},
                 {"a_zero_point", kQuantizedBytes, 'A', Port::Presence::optional},
                 {"b_zero_point", kQuantizedBytes, 'B', Port::Presence::optional},
                 {"y_zero_point", kQuantizedBytes, 'Y'}},
      .outputs = {{"y", kQuantizedBytes, 'Y'}},
      .attrs = activation_attrs({{"a_scale", AttrKind::real, true},
                                 {"b_scale", AttrKind::real, true},
                                 {"multiplier", AttrKind::real, false, 1.0f}}),
      .traits = Trait::elementwise,
      .infer = infer,
      .cost = elementwise_cost<6>,
      .reference = reference,
      .examples = {R"(graph quantized_add_relu(a: u8[2,3], b: i8[2,3]) -> (y) {
        y = quantized_add(a, b, u8{120}, i8{-3}, u8{10}) <a_scale=0.1, b_scale=0.25,
                                                           multiplier=4.0, activation="relu">
      })",
                   R"(graph quantized_add_plain(a: i8[5], b: i8[5]) -> (y) {
        y = quantized_add(a, b, _, _, i8{1}) <a_scale=0.5, b_scale=0.125>
      })"},
  };
  return def;
}

}  // namespace hone
