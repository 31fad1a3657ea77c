// Selection by a mask.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_rank(c, 1, 1));
  Shape shape{Dim::unknown()};
  if (c.given("axis")) {
    shape = c.shape(0);
    if (shape.ranked)
      shape.dims[size_t(TRY(normal_axis(c.integer("axis"), int64_t(shape.rank()))))] =
          Dim::unknown();
  }
  return Types{Type(c.dtype(0), std::move(shape))};
}

Status reference(Call& c) {
  const Tensor &x = c.in(0), &mask = c.in(1);
  AxisSplit split{1, x.count(), 1};
  Extents shape{0};
  size_t axis = 0;
  if (c.given("axis")) {
    axis = size_t(TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
    split = split_at(x.shape(), int64_t(axis));
    shape = x.shape();
  }
  const auto [outer, n, inner] = split;
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < std::min(n, mask.count()); ++i)
    if (load_integer(mask, i) != 0) kept.push_back(i);
  shape[axis] = int64_t(kept.size());
  Tensor& y = *TRY(c.out(0, shape));
  if (y.count() == 0) return ok();
  int64_t to = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t at : kept)
      for (int64_t i = 0; i < inner; ++i) copy_element(x, (o * n + at) * inner + i, y, to++);
  return ok();
}

}  // namespace

const OpDef& compress_op() {
  static const OpDef def{
      .name = "compress",
      .doc =
          "The slices along `axis` (without it: the elements) where the mask is true; the mask "
          "may be shorter.",
      .inputs = {{"x", kAny, 'T'}, {"condition", DType::boolean}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"axis", AttrKind::integer}},
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph compress_rows(x: f32[3,2]) -> (y) {
        y = compress(x, bool[3]{0, 1, 1}) <axis=0>
      })",
                   R"(graph compress_all(x: f32[3,2]) -> (y) {
        y = compress(x, bool[5]{0, 1, 0, 0, 1})
      })"},
  };
  return def;
}

}  // namespace hone
