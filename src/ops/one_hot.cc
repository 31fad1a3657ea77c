// Indices as vectors with one element on.
#include "ops/movement.h"

namespace hone {
namespace {

constexpr DTypes kPorts = kNumbers;

Result<Types> infer(const Infer& c) {
  if (const Dim count = element_count(c.shape(1)); count.is_constant() && !count.is(1))
    return shape_error(c, "depth has " + count.str() + " elements");
  if (const Dim count = element_count(c.shape(2)); count.is_constant() && !count.is(2))
    return shape_error(c, "values has " + count.str() + " elements, not off and on");
  Shape shape = c.shape(0);
  if (shape.ranked) {
    const auto axis = TRY(normal_axis(c.integer("axis"), int64_t(shape.rank()) + 1));
    const Known* depth = c.known(1);
    const Dim extent = depth && depth->size() == 1 ? (*depth)[0] : Dim::unknown();
    if (auto n = extent.constant(); n && *n < 0)
      return value_error(c, "depth is " + std::to_string(*n));
    shape.dims.insert(shape.dims.begin() + axis, extent);
  }
  return Types{Type(c.dtype(2), std::move(shape))};
}

Status reference(Call& c) {
  const Tensor &indices = c.in(0), &values = c.in(2);
  const double wanted = load_real(c.in(1), 0);
  if (!(wanted >= 0 && wanted < 0x1p62))
    return value_error(c, "depth is " + std::to_string(wanted));
  const int64_t depth = load_integer(c.in(1), 0);
  const auto axis = TRY(normal_axis(c.integer("axis"), int64_t(indices.rank()) + 1));
  Extents shape = indices.shape();
  shape.insert(shape.begin() + axis, depth);
  Tensor& y = *TRY(c.out(0, shape));
  fill(y, values, 0);
  if (y.count() == 0) return ok();
  const auto [outer, n, inner] = split_at(shape, axis);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      int64_t at = load_integer(indices, o * inner + i);
      if (at < 0) at += n;
      if (at >= 0 && at < n) copy_element(values, 1, y, (o * n + at) * inner + i);
    }
  return ok();
}

}  // namespace

const OpDef& one_hot_op() {
  static const OpDef def{
      .name = "one_hot",
      .doc =
          "A new axis of extent depth in front of axis `axis`, with values[1] where its position "
          "is the index and values[0] elsewhere; indices outside [-depth, depth) have none.",
      .inputs = {{"indices", kPorts}, {"depth", kPorts}, {"values", kAny, 'V'}},
      .outputs = {{"y", kAny, 'V'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{-1}}},
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph one_hot_last(i: i64[2,3]) -> (y) {
        y = one_hot(i, i64[1]{7}, f32[2]{0.5, 2.0})
      })",
                   R"(graph one_hot_first(i: i64[3]) -> (y) {
        y = one_hot(i, i64{4}, f32[2]{0.0, 1.0}) <axis=0>
      })"},
  };
  return def;
}

}  // namespace hone
