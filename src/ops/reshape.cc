// The same elements under another shape.
#include "ops/common.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  const Known* wanted = c.known(1);
  if (!wanted) return Types{Type(c.dtype(0), shape_from(c, 1))};
  const Shape& in = c.shape(0);
  const bool allow_zero = c.integer("allowzero") != 0;
  std::vector<Dim> dims;
  std::optional<size_t> inferred;
  Dim product = 1;
  for (size_t i = 0; i < wanted->size(); ++i) {
    Dim d = (*wanted)[i];
    if (d.is(0) && !allow_zero) {
      if (in.ranked && i >= in.rank())
        return shape_error(c, "0 at position " + std::to_string(i) + " copies an axis that " +
                                  in.str() + " does not have");
      d = in.ranked ? in.dims[i] : Dim::unknown();
    }
    if (d.is(-1)) {
      if (inferred) return shape_error(c, "the shape has more than one -1");
      inferred = i;
      dims.push_back(Dim::unknown());
      continue;
    }
    if (auto n = d.constant(); n && *n < 0)
      return shape_error(c, "the shape holds " + std::to_string(*n));
    product = product * d;
    dims.push_back(d);
  }
  const Dim count = element_count(in);
  if (inferred) {
    if (auto quotient = Dim::exact_quotient(count, product))
      dims[*inferred] = *quotient;
    else if (count.is_constant() && product.is_constant())
      return shape_error(c, "cannot make " + in.str() + " into a multiple of " + product.str());
  } else if (count.is_constant() && product.is_constant() && count != product) {
    return shape_error(c, "cannot make " + in.str() + " into " + Shape(dims).str());
  }
  return Types{Type(c.dtype(0), Shape(std::move(dims)))};
}

}  // namespace

const OpDef& reshape_op() {
  static const OpDef def{
      .name = "reshape",
      .doc = "The elements of x in C order under the given shape (i64). One extent may be -1 "
             "(inferred); 0 copies the extent of x unless allowzero=1.",
      .inputs = {{"x"}, {"shape", DType::i64}},
      .outputs = {{"y"}},
      .attrs = {{"allowzero", AttrKind::integer, false, int64_t{0}}},
      .traits = Trait::view,
      .infer = infer,
      .propagate = propagate_first,
      .cost = movement_cost,
      .reference = [](Call& c) -> Status {
        c.set(0, c.in(0).reshaped(*c.out_type(0).tensor.shape.fixed()));
        return ok();
      },
      .examples = {R"(graph reshape_infer(x: f32[2,3,4]) -> (y) { y = reshape(x, i64[2]{0, -1}) })"},
  };
  return def;
}

}  // namespace hone
