// A matrix product of bytes with a packed right-hand matrix, rescaled, with bias, residual and
// activation: what products on quantized tensors with constant weights are lowered to.
#include "base/checked.h"
#include "ops/activation.h"
#include "ops/quantization.h"
#include "ops/quantized_products.h"
#include "ops/window.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_packed_bytes(c));
  TRY(expect_activation(c));
  const Dim columns(c.integer("columns"));
  Shape out = c.shape(0);
  if (out.ranked) {
    if (out.rank() == 0) return shape_error(c, "x has no axes");
    if (out.dims.back().constant() && extent(c, 1, 1).constant() &&
        padded_groups(*out.dims.back().constant()) != *extent(c, 1, 1).constant())
      return shape_error(c, "panels of shape " + c.shape(1).str() + " do not take rows of " +
                                out.dims.back().str());
    out.dims.back() = columns;
  }
  TRY(expect_rescaling(c, columns, out));
  Types types{Type(rescaled_dtype(c), std::move(out))};
  if (c.outputs() < 2) return types;
  if (c.has(quantized::kResultZero)) return attribute_error(c, "only numbers have a range");
  types.push_back(range_type());
  return types;
}

Status reference(Call& c) {
  const Tensor &x = c.in(0), &panels = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const int64_t columns = c.integer("columns"), depth = x.shape().back();
  const int64_t panel = panels.shape()[1] * kPanelColumns * kPanelGroup;
  const auto weight = [&](int64_t k, int64_t j) {
    return load_integer(panels, j / kPanelColumns * panel +
                                    k / kPanelGroup * kPanelColumns * kPanelGroup +
                                    j % kPanelColumns * kPanelGroup + k % kPanelGroup);
  };
  std::vector<int64_t> sums(static_cast<size_t>(columns));
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t k = 0; k < depth; ++k) sums[size_t(j)] += weight(k, j);
  const Rescaling rescaling(c, std::move(sums));
  for (int64_t i = 0; i < y.count(); ++i) {
    const int64_t row = i / columns, j = i % columns;
    uint64_t sum = 0;
    for (int64_t k = 0; k < depth; ++k)
      sum += uint64_t(rescaling.centred_x(load_integer(x, row * depth + k)) *
                      rescaling.centred_weight(weight(k, j), j));
    rescaling.store(y, i, j, int32_t(uint32_t(sum)));
  }
  return store_range(c, y, 1);
}

}  // namespace

const OpDef& quantized_linear_op() {
  static const OpDef def{
      .name = "quantized_linear",
      .doc =
          "y = activation(f32(t) * scale + bias + residual) with t = (x - x_zero_point)(W - "
          "weight_zero_point) + offset, exact in i32 with wrap-around. With y_zero_point the "
          "result is "
          "saturate(round(y * multiplier) + y_zero_point), half to even. x [..., K]; W [K, N] in "
          "panels [ceil(N / 16), ceil(K / 64) * 16, 16, 4] of four consecutive bytes for each of "
          "16 columns, zeros behind the last; weight_sums [N] are the sums of its columns; scale "
          "has one element or [N]; bias and offset [N], residual as y. range: the least and the "
          "largest number of y, and 0.",
      .inputs = quantized_product_inputs(),
      .outputs = {{"y", DType::f32 | kQuantizedBytes},
                  {"range", DType::f32, 0, Port::Presence::optional}},
      .attrs = rescaling_attrs({{"columns", AttrKind::integer, true, {}, "N"}}),
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            const Dim count = element_count(out[0].tensor.shape);
            const Shape& x = c.shape(0);
            cost.macs = x.ranked && x.rank() > 0 ? count * x.dims.back() : Dim::unknown();
            cost.flops = cost.macs * Dim(2) + count * Dim(2);
            return cost;
          },
      .reference = reference,
      .examples =
          {R"(graph quantized_linear_plain(x: u8[2,5,3], w: i8[1,16,16,4], s: i32[7]) -> (y) {
        y = quantized_linear(x, w, _, _, f32{0.01}, u8{3}, s) <columns=7>
      })",
           R"(graph quantized_linear_all(x: i8[5,70], w: i8[2,32,16,4], s: i32[17], b: f32[17], r: f32[5,17], f: f32[17], z: i8[17], o: i32[17]) -> (y) {
        y = quantized_linear(x, w, b, r, f, i8{-3}, s, z, _, o) <columns=17, activation="relu">
      })",
           R"(graph quantized_linear_range(x: u8[4,8], w: i8[1,16,16,4], s: i32[5]) -> (y, r) {
        y, r = quantized_linear(x, w, _, _, f32{0.002}, u8{130}, s) <columns=5, activation="gelu">
      })",
           R"(graph quantized_linear_bytes(x: u8[4,8], w: i8[1,16,16,4], s: i32[16]) -> (y) {
        y = quantized_linear(x, w, _, _, f32{0.002}, u8{130}, s, _, u8{7}) <columns=16, multiplier=3.0>
      })"},
  };
  return def;
}

}  // namespace hone
