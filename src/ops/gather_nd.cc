// Selection of elements or slices by index tuples.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  const Shape &x = c.shape(0), &indices = c.shape(1);
  const int64_t batch = c.integer("batch_dims");
  if (batch < 0) return attribute_error(c, "batch_dims is " + std::to_string(batch));
  const Types unranked{Type(c.dtype(0), Shape::unranked())};
  if (!x.ranked || !indices.ranked) return unranked;
  const auto rank = int64_t(x.rank()), tuple_rank = int64_t(indices.rank());
  if (rank < 1 || tuple_rank < 1 || batch >= std::min(rank, tuple_rank))
    return shape_error(c, "indices " + indices.str() + " with batch_dims " + std::to_string(batch) +
                              " for elements " + x.str());
  std::vector<Dim> dims;
  for (int64_t i = 0; i < batch; ++i) {
    const auto same = same_extent(x.dims[size_t(i)], indices.dims[size_t(i)]);
    if (!same)
      return shape_error(c, "the batch axes of " + x.str() + " and " + indices.str() + " differ");
    dims.push_back(*same);
  }
  const auto tuple = indices.dims.back().constant();
  if (!tuple) return unranked;
  if (*tuple > rank - batch)
    return shape_error(c, "tuples of " + std::to_string(*tuple) + " indices for " + x.str());
  dims.insert(dims.end(), indices.dims.begin() + batch, indices.dims.end() - 1);
  dims.insert(dims.end(), x.dims.begin() + batch + *tuple, x.dims.end());
  return fixed_type(c.dtype(0), std::move(dims));
}

Status reference(Call& c) {
  const Tensor &x = c.in(0), &indices = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const auto batch = size_t(c.integer("batch_dims"));
  const int64_t tuple = indices.shape().back();
  const std::vector<int64_t> strides = strides_of(x.shape());
  int64_t batches = 1, tuples = 1, x_batch = 1, run = 1;
  for (size_t i = 0; i < indices.rank() - 1; ++i)
    (i < batch ? batches : tuples) *= indices.shape()[i];
  for (size_t i = batch; i < x.rank(); ++i) {
    x_batch *= x.shape()[i];
    if (i >= batch + size_t(tuple)) run *= x.shape()[i];
  }
  int64_t to = 0;
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t t = 0; t < tuples; ++t) {
      int64_t from = b * x_batch;
      for (int64_t k = 0; k < tuple; ++k) {
        const size_t axis = batch + size_t(k);
        const int64_t index = load_integer(indices, (b * tuples + t) * tuple + k);
        from += TRY(normal_index(c, index, x.shape()[axis])) * strides[axis];
      }
      for (int64_t i = 0; i < run; ++i) copy_element(x, from + i, y, to++);
    }
  return ok();
}

}  // namespace

const OpDef& gather_nd_op() {
  static const OpDef def{
      .name = "gather_nd",
      .doc =
          "The last axis of indices holds tuples that index the axes of x after batch_dims "
          "common ones. Shape: batch, indices without the tuples, the axes of x not indexed.",
      .inputs = {{"x", kAny, 'T'}, {"indices", kIndices}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"batch_dims", AttrKind::integer, false, int64_t{0}}},
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph gather_nd_slices(x: f32[2,3,4]) -> (y) {
        y = gather_nd(x, i64[3,2]{0, 1, 1, -1, 0, 0})
      })",
                   R"(graph gather_nd_batch(x: f32[2,3,4]) -> (y) {
        y = gather_nd(x, i64[2,1]{1, 0}) <batch_dims=1>
      })"},
  };
  return def;
}

}  // namespace hone
