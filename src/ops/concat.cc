// Joining along an axis.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  if (c.inputs() == 0) return shape_error(c, "there is nothing to join");
  std::optional<std::vector<Dim>> dims;
  int64_t axis = 0;
  bool unranked = false;
  for (size_t i = 0; i < c.inputs(); ++i) {
    if (!c.has(i)) return shape_error(c, "input " + std::to_string(i) + " is missing");
    const Shape& shape = c.shape(i);
    if (!shape.ranked) {
      unranked = true;
      continue;
    }
    if (!dims) {
      axis = TRY(normal_axis(c.integer("axis"), int64_t(shape.rank())));
      dims = shape.dims;
      continue;
    }
    if (shape.rank() != dims->size())
      return shape_error(c, "cannot join " + Shape(*dims).str() + " and " + shape.str());
    for (size_t k = 0; k < dims->size(); ++k) {
      Dim& d = (*dims)[k];
      if (int64_t(k) == axis) {
        d = d + shape.dims[k];
        continue;
      }
      const auto same = same_extent(d, shape.dims[k]);
      if (!same)
        return shape_error(c, "cannot join " + Shape(*dims).str() + " and " + shape.str() +
                                  " along axis " + std::to_string(axis));
      d = *same;
    }
  }
  if (!dims) return Types{Type(c.dtype(0), Shape::unranked())};
  if (unranked) (*dims)[size_t(axis)] = Dim::unknown();
  return fixed_type(c.dtype(0), std::move(*dims));
}

std::optional<Known> propagate(const Infer& c, size_t) {
  Known out;
  bool any = false;
  for (size_t i = 0; i < c.inputs(); ++i) {
    if (!c.has(i) || rank_of(c, i) != 1 || int64_t(out.size()) > kMaxKnown) return std::nullopt;
    if (const Known* known = c.known(i)) {
      any = true;
      out.insert(out.end(), known->begin(), known->end());
      continue;
    }
    const auto n = c.shape(i).dims[0].constant();
    if (!n || *n > kMaxKnown) return std::nullopt;
    out.insert(out.end(), size_t(*n), Dim::unknown());
  }
  if (!any) return std::nullopt;
  return out;
}

Status reference(Call& c) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(y.rank())));
  const auto [outer, extent, inner] = split_at(y.shape(), axis);
  int64_t start = 0;
  for (size_t i = 0; i < c.inputs(); ++i) {
    const Tensor& x = c.in(i);
    const int64_t run = x.shape()[size_t(axis)] * inner;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t k = 0; k < run; ++k)
        copy_element(x, o * run + k, y, o * extent * inner + start + k);
    start += run;
  }
  return ok();
}

}  // namespace

const OpDef& concat_op() {
  static const OpDef def{
      .name = "concat",
      .doc = "The inputs one after another along `axis`; the other extents are equal.",
      .inputs = {{"xs", kAny, 'T', Port::Presence::variadic}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"axis", AttrKind::integer, true}},
      .infer = infer,
      .propagate = propagate,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph concat_three(a: f32[2,3], b: f32[2,1], d: f32[2,2]) -> (y) {
        y = concat(a, b, d) <axis=-1>
      })",
                   R"(graph concat_one(a: f32[2,3]) -> (y) { y = concat(a) <axis=0> })"},
  };
  return def;
}

}  // namespace hone
