// Selection of single elements along an axis.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  const Shape &x = c.shape(0), &indices = c.shape(1);
  if (x.ranked && indices.ranked && x.rank() != indices.rank())
    return shape_error(c, "indices " + indices.str() + " for elements " + x.str());
  if (x.ranked) {
    const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
    for (size_t i = 0; indices.ranked && i < x.rank(); ++i)
      if (const auto have = x.dims[i].constant(), want = indices.dims[i].constant();
          int64_t(i) != axis && have && want && *want > *have)
        return shape_error(c, "indices " + indices.str() + " are larger than " + x.str());
  }
  return Types{Type(c.dtype(0), indices)};
}

Status reference(Call& c) {
  const Tensor &x = c.in(0), &indices = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const auto axis = size_t(TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  std::vector<int64_t> strides = strides_of(x.shape());
  const int64_t stride = strides[axis];
  strides[axis] = 0;
  const Integers at = TRY(normal_indices(c, indices, x.shape()[axis]));
  walk(y.shape(), strides, 0,
       [&](int64_t to, int64_t from) { copy_element(x, from + at[size_t(to)] * stride, y, to); });
  return ok();
}

}  // namespace

const OpDef& gather_elements_op() {
  static const OpDef def{
      .name = "gather_elements",
      .doc =
          "y[i, j, k] = x[i, indices[i, j, k], k] (for axis 1): the shape is that of indices, "
          "which has as many axes as x.",
      .inputs = {{"x", kAny, 'T'}, {"indices", kIndices}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{0}}},
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph gather_elements_rows(x: f32[3,3]) -> (y) {
        y = gather_elements(x, i64[2,3]{1, -1, 0, 2, 0, 0}) <axis=0>
      })"},
  };
  return def;
}

}  // namespace hone
