// One value in all places.
#include "ops/movement.h"

namespace hone {
namespace {

DType dtype(const Infer& c) { return c.has(1) ? c.dtype(1) : DType::f32; }

Result<Types> infer(const Infer& c) {
  TRY(expect_list(c, 0));
  if (c.has(1))
    if (const Dim count = element_count(c.shape(1)); count.is_constant() && !count.is(1))
      return shape_error(c, "the value has " + count.str() + " elements");
  if (const Known* known = c.known(0)) TRY(no_negative(c, *known));
  return Types{Type(dtype(c), shape_from(c, 0))};
}

std::optional<Known> propagate(const Infer& c, size_t) {
  const Known* value = c.known(1);
  const auto shape = c.integers(0);
  if (!value || value->size() != 1 || !shape || shape->size() > 1) return std::nullopt;
  const int64_t n = shape->empty() ? 1 : (*shape)[0];
  if (n < 0 || n > kMaxKnown) return std::nullopt;
  return Known(size_t(n), (*value)[0]);
}

Status reference(Call& c) {
  Tensor& y = *TRY(c.out(0));
  if (c.has(1)) fill(y, c.in(1), 0);
  return ok();
}

}  // namespace

const OpDef& constant_of_shape_op() {
  static const OpDef def{
      .name = "constant_of_shape",
      .doc =
          "A tensor of the given shape (i64) filled with the one element of value (default f32 "
          "0).",
      .inputs = {{"shape", DType::i64}, {"value", kAny, 'T', Port::Presence::optional}},
      .outputs = {{"y", kAny, 'T'}},
      .infer = infer,
      .propagate = propagate,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph constant_of_shape_value(v: f32[1]) -> (y) {
        y = constant_of_shape(i64[2]{2, 3}, v)
      })"},
  };
  return def;
}

}  // namespace hone
