// Selection along an axis by indices.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  const Shape &x = c.shape(0), &indices = c.shape(1);
  if (!x.ranked) return Types{Type(c.dtype(0), Shape::unranked())};
  const auto axis = size_t(TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  if (!indices.ranked) return Types{Type(c.dtype(0), Shape::unranked())};
  std::vector<Dim> dims(x.dims.begin(), x.dims.begin() + int64_t(axis));
  dims.insert(dims.end(), indices.dims.begin(), indices.dims.end());
  dims.insert(dims.end(), x.dims.begin() + int64_t(axis) + 1, x.dims.end());
  return fixed_type(c.dtype(0), std::move(dims));
}

std::optional<Known> propagate(const Infer& c, size_t) {
  const Known* known = c.known(0);
  const auto indices = c.integers(1);
  if (!known || rank_of(c, 0) != 1 || !indices) return std::nullopt;
  const auto n = int64_t(known->size());
  Known out;
  for (int64_t i : *indices) {
    if (i < -n || i >= n) return std::nullopt;
    out.push_back((*known)[size_t(i < 0 ? i + n : i)]);
  }
  return out;
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
  const auto [outer, extent, inner] = split_at(x.shape(), axis);
  const Integers indices = TRY(normal_indices(c, c.in(1), extent));
  int64_t to = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t index : indices)
      for (int64_t i = 0; i < inner; ++i)
        copy_element(x, (o * extent + index) * inner + i, y, to++);
  return ok();
}

}  // namespace

const OpDef& gather_op() {
  static const OpDef def{
      .name = "gather",
      .doc =
          "The slices of x along `axis` that the indices name; negative ones count from the "
          "end. Shape: x before axis, indices, x after axis.",
      .inputs = {{"x", kAny, 'T'}, {"indices", kIndices}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{0}}},
      .infer = infer,
      .propagate = propagate,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph gather_columns(x: f32[2,3,4]) -> (y) {
        y = gather(x, i64[2,2]{0, -1, 2, 1}) <axis=1>
      })",
                   R"(graph gather_scalar(x: f32[3,4]) -> (y) { y = gather(x, i64{-2}) })"},
  };
  return def;
}

}  // namespace hone
