// Removal and insertion of axes of extent 1.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer_squeeze(const Infer& c) {
  TRY(expect_list(c, 1));
  const auto rank = rank_of(c, 0);
  const Shape& in = c.shape(0);
  if (!c.has(1)) {
    if (!rank) return Types{Type(c.dtype(0), Shape::unranked())};
    std::vector<Dim> dims;
    for (const Dim& d : in.dims) {
      if (!d.is_constant()) return Types{Type(c.dtype(0), Shape::unranked())};
      if (!d.is(1)) dims.push_back(d);
    }
    return fixed_type(c.dtype(0), std::move(dims));
  }
  const auto axes = c.integers(1);
  if (!rank) return Types{Type(c.dtype(0), Shape::unranked())};
  if (!axes) {
    const auto removed = list_length(c, 1);
    if (!removed) return Types{Type(c.dtype(0), Shape::unranked())};
    if (*removed > *rank)
      return shape_error(c, std::to_string(*removed) + " axes to remove from " + in.str());
    return Types{Type(c.dtype(0), Shape::unknown(size_t(*rank - *removed)))};
  }
  std::vector<bool> gone(in.rank());
  for (int64_t axis : TRY(normal_axes(*axes, *rank))) {
    const Dim& d = in.dims[size_t(axis)];
    if (d.is_constant() && !d.is(1))
      return shape_error(c, "axis " + std::to_string(axis) + " of " + in.str() + " is not 1");
    gone[size_t(axis)] = true;
  }
  std::vector<Dim> dims;
  for (size_t i = 0; i < in.rank(); ++i)
    if (!gone[i]) dims.push_back(in.dims[i]);
  return fixed_type(c.dtype(0), std::move(dims));
}

Result<Types> infer_unsqueeze(const Infer& c) {
  TRY(expect_list(c, 1));
  const auto rank = rank_of(c, 0);
  const auto added = list_length(c, 1);
  if (!rank || !added) return Types{Type(c.dtype(0), Shape::unranked())};
  const auto axes = c.integers(1);
  if (!axes) return Types{Type(c.dtype(0), Shape::unknown(size_t(*rank + *added)))};
  std::vector<bool> fresh(size_t(*rank + *added));
  for (int64_t axis : TRY(normal_axes(*axes, *rank + *added))) fresh[size_t(axis)] = true;
  std::vector<Dim> dims;
  size_t next = 0;
  for (bool one : fresh) dims.push_back(one ? Dim(1) : c.shape(0).dims[next++]);
  return fixed_type(c.dtype(0), std::move(dims));
}

}  // namespace

const OpDef& squeeze_op() {
  static const OpDef def{
      .name = "squeeze",
      .doc = "x without the given axes, each of extent 1; without `axes`, without all of extent 1.",
      .inputs = {{"x", kAny, 'T'}, {"axes", kIndices, 0, Port::Presence::optional}},
      .outputs = {{"y", kAny, 'T'}},
      .traits = Trait::view,
      .infer = infer_squeeze,
      .propagate = propagate_first,
      .cost = movement_cost,
      .reference = view_as_inferred,
      .examples =
          {R"(graph squeeze_axes(x: f32[1,3,1,4]) -> (y) { y = squeeze(x, i64[2]{0, -2}) })",
           R"(graph squeeze_all(x: f32[1,3,1]) -> (y) { y = squeeze(x) })"},
  };
  return def;
}

const OpDef& unsqueeze_op() {
  static const OpDef def{
      .name = "unsqueeze",
      .doc = "x with axes of extent 1 inserted; `axes` count in the output.",
      .inputs = {{"x", kAny, 'T'}, {"axes", kIndices}},
      .outputs = {{"y", kAny, 'T'}},
      .traits = Trait::view,
      .infer = infer_unsqueeze,
      .propagate = propagate_first,
      .cost = movement_cost,
      .reference = view_as_inferred,
      .examples =
          {R"(graph unsqueeze_axes(x: f32[3,4]) -> (y) { y = unsqueeze(x, i64[2]{-1, 0}) })"},
  };
  return def;
}

}  // namespace hone
