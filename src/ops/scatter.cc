// Copies with some elements replaced or merged: scatter_elements, scatter_nd, tensor_scatter.
#include "ops/movement.h"

namespace hone {
namespace {

constexpr DTypes kMerged = kNumbers | kMinifloats | kSubByteInts;

Status check_reduction(const Infer& c) {
  const Merge merge = TRY(merge_named(c, c.text("reduction")));
  if (merge != Merge::none && !kMerged.has(c.dtype(0)))
    return attribute_error(c, "cannot reduce " + std::string(name(c.dtype(0))));
  return ok();
}

// Output 0 as a copy of input 0.
Result<Tensor*> copy_of_first(Call& c) {
  Tensor* y = TRY(c.out(0));
  const Tensor& x = c.in(0);
  for (int64_t i = 0; i < x.count(); ++i) copy_element(x, i, *y, i);
  return y;
}

Result<Types> infer_elements(const Infer& c) {
  TRY(check_reduction(c));
  const Shape &x = c.shape(0), &indices = c.shape(1), &updates = c.shape(2);
  if (x.ranked) {
    const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
    if (indices.ranked && indices.rank() != x.rank())
      return shape_error(c, "indices " + indices.str() + " for elements " + x.str());
    for (size_t i = 0; indices.ranked && i < x.rank(); ++i)
      if (const auto have = x.dims[i].constant(), want = indices.dims[i].constant();
          int64_t(i) != axis && have && want && *want > *have)
        return shape_error(c, "indices " + indices.str() + " are larger than " + x.str());
  }
  if (!compatible(Type(c.dtype(0), indices), Type(c.dtype(0), updates)))
    return shape_error(c, "updates " + updates.str() + " for indices " + indices.str());
  return same_as_first(c);
}

Status scatter_elements(Call& c) {
  const Tensor &x = c.in(0), &updates = c.in(2);
  Tensor& y = *TRY(copy_of_first(c));
  const auto axis = size_t(TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  std::vector<int64_t> strides = strides_of(x.shape());
  const int64_t stride = strides[axis];
  strides[axis] = 0;
  const Integers at = TRY(normal_indices(c, c.in(1), x.shape()[axis]));
  Merger merger(TRY(merge_named(c, c.text("reduction"))), y);
  walk(updates.shape(), strides, 0, [&](int64_t from, int64_t to) {
    merger.update(to + at[size_t(from)] * stride, updates, from);
  });
  merger.finish();
  return ok();
}

Result<Types> infer_nd(const Infer& c) {
  TRY(check_reduction(c));
  const Shape &x = c.shape(0), &indices = c.shape(1), &updates = c.shape(2);
  if (indices.ranked && indices.rank() == 0) return shape_error(c, "indices are a scalar");
  const auto tuple = indices.ranked ? indices.dims.back().constant() : std::nullopt;
  if (!x.ranked || !tuple) return same_as_first(c);
  if (*tuple > int64_t(x.rank()))
    return shape_error(c, "tuples of " + std::to_string(*tuple) + " indices for " + x.str());
  std::vector<Dim> wanted(indices.dims.begin(), indices.dims.end() - 1);
  wanted.insert(wanted.end(), x.dims.begin() + *tuple, x.dims.end());
  if (!compatible(Type(c.dtype(0), Shape(wanted)), Type(c.dtype(0), updates)))
    return shape_error(
        c, "updates " + updates.str() + " where " + Shape(wanted).str() + " are needed");
  return same_as_first(c);
}

Status scatter_nd(Call& c) {
  const Tensor &x = c.in(0), &indices = c.in(1), &updates = c.in(2);
  Tensor& y = *TRY(copy_of_first(c));
  if (updates.count() == 0) return ok();
  const int64_t tuple = indices.shape().back();
  const std::vector<int64_t> strides = strides_of(x.shape());
  int64_t tuples = 1, run = 1;
  for (size_t i = 0; i + 1 < indices.rank(); ++i) tuples *= indices.shape()[i];
  for (size_t i = size_t(tuple); i < x.rank(); ++i) run *= x.shape()[i];
  Merger merger(TRY(merge_named(c, c.text("reduction"))), y);
  for (int64_t t = 0; t < tuples; ++t) {
    int64_t to = 0;
    for (int64_t k = 0; k < tuple; ++k) {
      const int64_t index = load_integer(indices, t * tuple + k);
      to += TRY(normal_index(c, index, x.shape()[size_t(k)])) * strides[size_t(k)];
    }
    for (int64_t i = 0; i < run; ++i) merger.update(to + i, updates, t * run + i);
  }
  merger.finish();
  return ok();
}

Result<bool> is_circular(const Infer& c) {
  const std::string& mode = c.text("mode");
  if (mode != "linear" && mode != "circular")
    return attribute_error(c, "mode must be linear or circular, is \"" + mode + "\"");
  return mode == "circular";
}

Result<Types> infer_tensor_scatter(const Infer& c) {
  TRY(is_circular(c));
  const Shape &cache = c.shape(0), &update = c.shape(1);
  if (cache.ranked) {
    const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(cache.rank())));
    if (axis == 0) return attribute_error(c, "axis 0 is the batch");
    if (update.ranked && update.rank() != cache.rank())
      return shape_error(c, "update " + update.str() + " for " + cache.str());
    for (size_t i = 0; update.ranked && i < cache.rank(); ++i) {
      const auto have = cache.dims[i].constant(), want = update.dims[i].constant();
      if (have && want && (int64_t(i) == axis ? *want > *have : *want != *have))
        return shape_error(c, "update " + update.str() + " for " + cache.str());
    }
    if (c.has(2)) {
      TRY(expect_rank(c, 2, 1));
      if (c.shape(2).ranked && !same_extent(c.shape(2).dims[0], cache.dims[0]))
        return shape_error(c, "write_indices " + c.shape(2).str() + " for " + cache.str());
    }
  }
  return same_as_first(c);
}

Status tensor_scatter(Call& c) {
  const Tensor &cache = c.in(0), &update = c.in(1);
  Tensor& y = *TRY(copy_of_first(c));
  if (cache.count() == 0 || update.count() == 0) return ok();
  const bool circular = TRY(is_circular(c));
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(cache.rank())));
  const auto [outer, capacity, inner] = split_at(cache.shape(), axis);
  const int64_t length = update.shape()[size_t(axis)];
  const int64_t per_batch = outer / cache.shape()[0];
  for (int64_t o = 0; o < outer; ++o) {
    const int64_t start = c.has(2) ? load_integer(c.in(2), o / per_batch) : 0;
    if (start < 0 || (!circular && start > capacity - length))
      return value_error(c, "writing " + std::to_string(length) + " elements at " +
                                std::to_string(start) + " of " + std::to_string(capacity));
    for (int64_t k = 0; k < length; ++k) {
      const int64_t at = (start % capacity + k) % capacity;
      const int64_t to = circular ? at : start + k;
      for (int64_t i = 0; i < inner; ++i)
        copy_element(update, (o * length + k) * inner + i, y, (o * capacity + to) * inner + i);
    }
  }
  return ok();
}

}  // namespace

const OpDef& scatter_elements_op() {
  static const OpDef def{
      .name = "scatter_elements",
      .doc =
          "A copy of x where y[i, indices[i, j, k], k] (for axis 1) is updates[i, j, k], or is "
          "merged with it by `reduction`: none, add, mul, max, min.",
      .inputs = {{"x", kAny, 'T'}, {"indices", kIndices}, {"updates", kAny, 'T'}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{0}},
                {"reduction", AttrKind::text, false, "none"}},
      .infer = infer_elements,
      .cost = movement_cost,
      .reference = scatter_elements,
      .examples = {R"(graph scatter_elements_set(x: f32[3,3], u: f32[2,3]) -> (y) {
        y = scatter_elements(x, i64[2,3]{1, 0, 2, 0, -1, 1}, u)
      })",
                   R"(graph scatter_elements_add(x: f32[2,5], u: f32[2,2]) -> (y) {
        y = scatter_elements(x, i64[2,2]{1, 1, -3, 0}, u) <axis=1, reduction="add">
      })"},
  };
  return def;
}

const OpDef& scatter_nd_op() {
  static const OpDef def{
      .name = "scatter_nd",
      .doc =
          "A copy of x where the elements or slices that the index tuples (last axis of indices) "
          "name are replaced by updates, or merged with them by `reduction`.",
      .inputs = {{"x", kAny, 'T'}, {"indices", kIndices}, {"updates", kAny, 'T'}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"reduction", AttrKind::text, false, "none"}},
      .infer = infer_nd,
      .cost = movement_cost,
      .reference = scatter_nd,
      .examples = {R"(graph scatter_nd_slices(x: f32[4,3], u: f32[2,3]) -> (y) {
        y = scatter_nd(x, i64[2,1]{3, 1}, u)
      })",
                   R"(graph scatter_nd_max(x: f32[4,3], u: f32[3]) -> (y) {
        y = scatter_nd(x, i64[3,2]{0, 1, 3, -1, 0, 1}, u) <reduction="max">
      })"},
  };
  return def;
}

const OpDef& tensor_scatter_op() {
  static const OpDef def{
      .name = "tensor_scatter",
      .doc =
          "A copy of a cache with update written along `axis` from position write_indices[b] of "
          "batch b (default 0) on; mode \"circular\" wraps around at the end.",
      .inputs = {{"past_cache", kAny, 'T'},
                 {"update", kAny, 'T'},
                 {"write_indices", kIndices, 0, Port::Presence::optional}},
      .outputs = {{"present_cache", kAny, 'T'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{-2}},
                {"mode", AttrKind::text, false, "linear"}},
      .infer = infer_tensor_scatter,
      .cost = movement_cost,
      .reference = tensor_scatter,
      .examples = {R"(graph tensor_scatter_circular(x: f32[2,4,3], u: f32[2,2,3]) -> (y) {
        y = tensor_scatter(x, u, i64[2]{1, 3}) <mode="circular">
      })",
                   R"(graph tensor_scatter_start(x: f32[2,4,3], u: f32[2,2,3]) -> (y) {
        y = tensor_scatter(x, u)
      })"},
  };
  return def;
}

}  // namespace hone
