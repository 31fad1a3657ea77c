// Rows of a table that is packed as the weights of block_linear: an embedding that shares them.
#include "ops/block_linear.h"
#include "ops/window.h"

namespace hone {
namespace {

using namespace block_linear;

Result<Types> infer(const Infer& c) {
  const int64_t depth = TRY(positive(c, "depth"));
  TRY(expect_weights(c, kGatherInputs, Dim(depth)));
  Shape out = c.shape(0);
  if (out.ranked) out.dims.emplace_back(depth);
  return Types{Type(DType::f32, std::move(out))};
}

Status reference(Call& c) {
  Tensor& y = *TRY(c.out(0));
  const Tensor& indices = c.in(0);
  const int64_t depth = c.integer("depth"), columns = c.integer("columns");
  const Weights w(c, kGatherInputs);
  std::vector<float> rows;
  for (int64_t i = 0; i < indices.count(); ++i) {
    const int64_t j = load_integer(indices, i);
    const int64_t column = j < 0 ? j + columns : j;
    if (column < 0 || column >= columns)
      return value_error(c, "row " + std::to_string(j) + " of " + std::to_string(columns));
    rows.resize(size_t(depth));
    w.column(column, depth, rows.data());
    for (int64_t k = 0; k < depth; ++k) store_real(y, i * depth + k, rows[size_t(k)]);
  }
  return ok();
}

}  // namespace

const OpDef& block_gather_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "block_gather",
      .doc =
          "y [..., depth] = the columns that indices [...] select of weights W [depth, columns] "
          "packed as block_linear takes them: (q - zero) scale - minimum in f32, or levels times "
          "scale, before they are rounded. "
          "Negative indices count from the end.",
      .inputs = {{"indices", DType::i64 | DTypes(DType::i32)},
                 {"codes", DType::u8},
                 {"scale", DType::f32 | DTypes(DType::f16), 'S'},
                 {"minimum", DType::f32 | DTypes(DType::f16), 'S', kOptional},
                 {"fine", DType::i8 | DTypes(DType::i16), 0, kOptional}},
      .outputs = {{"y", DType::f32}},
      .attrs = weight_attrs({{"depth", AttrKind::integer, true, {}, "K"}}),
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples =
          {R"(graph block_gather_rows(w: u8[2,2,256], s: f16[2,2,16]) -> (y) {
        y = block_gather(i64[3]{0, -1, 17}, w, s) <columns=20, depth=64, zero=8>
      })",
           R"(graph block_gather_runs(w: u8[1,2,128], s: f16[1,1,16], f: i8[1,4,16]) -> (y) {
        y = block_gather(i64[2,1]{3, 8}, w, s, _, f) <columns=9, depth=64, bits=2, block=16,
          zero=2, super=16>
      })"},
  };
  return def;
}

}  // namespace hone
