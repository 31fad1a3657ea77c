// The same elements under another shape.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_list(c, 1));
  const Known* wanted = c.known(1);
  if (!wanted) return Types{Type(c.dtype(0), shape_from(c, 1))};
  const Shape& in = c.shape(0);
  const bool allow_zero = c.integer("allowzero") != 0;
  std::vector<Dim> dims;
  std::vector<Dim> rest = in.dims;  // what is left to distribute: copied extents cancel
  std::optional<size_t> inferred;
  bool zero = false;  // an extent of 0 was asked for as such
  Dim product = 1;
  for (size_t i = 0; i < wanted->size(); ++i) {
    const Dim& d = (*wanted)[i];
    if (d.is(0) && !allow_zero) {
      if (in.ranked && i >= in.rank())
        return shape_error(c, "0 at position " + std::to_string(i) + " copies an axis that " +
                                  in.str() + " does not have");
      dims.push_back(in.ranked ? in.dims[i] : Dim::unknown());
      if (in.ranked) rest[i] = 1;
      continue;
    }
    if (d.is(-1)) {
      if (inferred) return shape_error(c, "the shape has more than one -1");
      inferred = i;
      dims.push_back(Dim::unknown());
      continue;
    }
    if (auto n = d.constant(); n && *n < 0)
      return shape_error(c, "the shape holds " + std::to_string(*n));
    zero = zero || d.is(0);
    product = product * d;
    dims.push_back(d);
  }
  if (inferred && zero) return shape_error(c, "with allowzero, -1 and 0 exclude each other");
  const Dim count = in.ranked ? element_count(Shape(std::move(rest))) : Dim::unknown();
  const bool fixed = count.is_constant() && product.is_constant();
  if (inferred) {
    const auto quotient = Dim::exact_quotient(count, product);
    if (fixed && !quotient)
      return shape_error(c, "cannot make " + in.str() + " into a multiple of " + product.str());
    dims[*inferred] = quotient ? *quotient : floor_div(count, product);
  } else if (fixed && count != product) {
    return shape_error(c, "cannot make " + in.str() + " into " + Shape(dims).str());
  }
  return Types{Type(c.dtype(0), Shape(std::move(dims)))};
}

}  // namespace

const OpDef& reshape_op() {
  static const OpDef def{
      .name = "reshape",
      .doc =
          "The elements of x in C order under the given shape (i64). One extent may be -1 "
          "(inferred); 0 copies the extent of x unless allowzero=1.",
      .inputs = {{"x", kAny, 'T'}, {"shape", DType::i64}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"allowzero", AttrKind::integer, false, int64_t{0}}},
      .traits = Trait::view,
      .infer = infer,
      .propagate = propagate_first,
      .cost = movement_cost,
      .reference = view_as_inferred,
      .examples =
          {R"(graph reshape_infer(x: f32[2,3,4]) -> (y) { y = reshape(x, i64[2]{0, -1}) })"},
  };
  return def;
}

}  // namespace hone
