// A matrix product with a packed right-hand matrix, bias, residual and activation: what matmul and
// gemm with constant weights are lowered to.
#include "base/checked.h"
#include "ops/activation.h"
#include "ops/window.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_rank(c, 1, 3));
  TRY(expect_activation(c));
  if (c.dtype(1) != c.dtype(0) && c.dtype(1) != DType::f16 && c.dtype(1) != DType::bf16)
    return type_error(c, "panels are of the dtype of x, f16 or bf16");
  const int64_t columns = c.integer("columns");
  const auto panels = extent(c, 1, 0).constant(), width = extent(c, 1, 2).constant();
  const auto room = panels && width ? checked_mul(*panels, *width) : std::nullopt;
  if (columns < 0 || (panels && width && (!room || columns > *room || columns <= *room - *width)))
    return attribute_error(
        c, std::to_string(columns) + " columns do not take panels of shape " + c.shape(1).str());
  Shape out = c.shape(0);
  if (!out.ranked) return Types{Type(c.dtype(0), out)};
  if (out.rank() == 0) return shape_error(c, "x has no axes");
  TRY(same_extent(c, out.dims.back(), extent(c, 1, 1), "the contracted extents"));
  out.dims.back() = columns;
  if (c.has(2)) {
    TRY(expect_rank(c, 2, 1));
    TRY(same_extent(c, extent(c, 2, 0), Dim(columns), "columns and bias"));
  }
  if (c.has(3)) {
    const Shape& residual = c.shape(3);
    if (residual.ranked && residual.rank() != out.rank())
      return shape_error(c, "the residual is " + residual.str() + " for " + out.str());
    for (size_t i = 0; residual.ranked && i < out.rank(); ++i)
      TRY(same_extent(c, residual.dims[i], out.dims[i], "residual and result"));
  }
  return Types{Type(c.dtype(0), std::move(out))};
}

Status reference(Call& c) {
  const Tensor &x = c.in(0), &panels = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const int64_t depth = panels.shape()[1], width = panels.shape()[2], columns = y.shape().back();
  for (int64_t i = 0; i < y.count(); ++i) {
    const int64_t row = i / columns, j = i % columns;
    const int64_t begin = j / width * depth * width + j % width;
    double sum = 0;
    for (int64_t k = 0; k < depth; ++k)
      sum += load_real(x, row * depth + k) * load_real(panels, begin + k * width);
    if (c.has(2)) sum += load_real(c.in(2), j);
    if (c.has(3)) sum += load_real(c.in(3), i);
    store_real(y, i, activated(c, sum));
  }
  return ok();
}

}  // namespace

const OpDef& linear_op() {
  static const OpDef def{
      .name = "linear",
      .doc =
          "activation(x W + bias + residual) with W [K, N] in panels [ceil(N / w), K, w] of w "
          "columns, zeros after the last. x [..., K], bias [N], residual as y [..., N]. Panels may "
          "be narrower than x: f16 or bf16.",
      .inputs = {{"x", kFloats, 'T'},
                 {"panels", kFloats, 'W'},
                 {"bias", kFloats, 'T', Port::Presence::optional},
                 {"residual", kFloats, 'T', Port::Presence::optional}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = activation_attrs({{"columns", AttrKind::integer, true, {}, "N"}}),
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            const Dim count = element_count(out[0].tensor.shape);
            cost.macs = count * extent(c, 1, 1);
            cost.flops = cost.macs * Dim(2) + count * Dim(int64_t(c.has(2)) + int64_t(c.has(3)));
            return cost;
          },
      .reference = reference,
      .examples =
          {R"(graph linear_plain(x: f32[2,5,3], w: f32[2,3,4]) -> (y) {
        y = linear(x, w) <columns=7>
      })",
           R"(graph linear_all(x: f32[5,3], w: f32[1,3,16], b: f32[9], r: f32[5,9]) -> (y) {
        y = linear(x, w, b, r) <columns=9, activation="relu">
      })",
           R"(graph linear_clip(x: f32[3], w: f32[2,3,4], b: f32[8]) -> (y) {
        y = linear(x, w, b) <columns=8, activation="clip", low=-0.5, high=0.5>
      })",
           R"(graph linear_half(x: f32[2,3], w: f16[2,3,4], b: f32[7]) -> (y) {
        y = linear(x, w, b) <columns=7>
      })",
           R"(graph linear_brain(x: f32[2,3], w: bf16[1,3,8], b: f32[8], r: f32[2,8]) -> (y) {
        y = linear(x, w, b, r) <columns=8, activation="relu">
      })",
           R"(graph linear_gelu(x: f32[1,3], w: f32[1,3,8]) -> (y) {
        y = linear(x, w) <columns=8, activation="gelu">
      })"},
  };
  return def;
}

}  // namespace hone
