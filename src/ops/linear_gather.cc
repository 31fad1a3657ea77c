// Rows of a table that is packed as the weights of linear: an embedding that shares them.
#include "base/checked.h"
#include "ops/movement.h"
#include "ops/window.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  const int64_t columns = TRY(positive(c, "columns"));
  TRY(expect_rank(c, 1, 3));
  const auto panels = extent(c, 1, 0).constant(), width = extent(c, 1, 2).constant();
  const auto room = panels && width ? checked_mul(*panels, *width) : std::nullopt;
  if (panels && width && (!room || columns > *room || columns <= *room - *width))
    return attribute_error(
        c, std::to_string(columns) + " columns do not take panels of shape " + c.shape(1).str());
  Shape out = c.shape(0);
  if (out.ranked) out.dims.push_back(extent(c, 1, 1));
  return Types{Type(c.dtype(1), std::move(out))};
}

Status reference(Call& c) {
  const Tensor &indices = c.in(0), &panels = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const int64_t depth = panels.shape()[1], width = panels.shape()[2];
  const int64_t columns = c.integer("columns");
  for (int64_t i = 0; i < indices.count(); ++i) {
    const int64_t j = load_integer(indices, i), column = j < 0 ? j + columns : j;
    if (column < 0 || column >= columns)
      return value_error(c, "row " + std::to_string(j) + " of " + std::to_string(columns));
    for (int64_t k = 0; k < depth; ++k)
      store_real(y, i * depth + k,
                 load_real(panels, (column / width * depth + k) * width + column % width));
  }
  return ok();
}

}  // namespace

const OpDef& linear_gather_op() {
  static const OpDef def{
      .name = "linear_gather",
      .doc =
          "y [..., K] = the columns that indices [...] select of weights W [K, N] packed as linear "
          "takes them. Negative indices count from the end.",
      .inputs = {{"indices", DType::i64 | DTypes(DType::i32)}, {"panels", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"columns", AttrKind::integer, true, {}, "N"}},
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph linear_gather_rows(w: f16[2,5,4]) -> (y) {
        y = linear_gather(i64[3]{0, -1, 4}, w) <columns=7>
      })",
                   R"(graph linear_gather_table(w: f32[1,3,8]) -> (y) {
        y = linear_gather(i64[2,1]{3, 7}, w) <columns=8>
      })"},
  };
  return def;
}

}  // namespace hone
