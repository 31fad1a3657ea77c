// Broadcasting to a given shape.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_list(c, 1));
  if (const Known* known = c.known(1)) TRY(no_negative(c, *known));
  Shape shape = TRY(broadcast(c.shape(0), shape_from(c, 1)).context("inferring expand"));
  return Types{Type(c.dtype(0), std::move(shape))};
}

std::optional<Known> propagate(const Infer& c, size_t) {
  const Known *known = c.known(0), *shape = c.known(1);
  if (!known || !shape || shape->size() > 1 || rank_of(c, 0).value_or(2) > 1) return std::nullopt;
  if (shape->empty() || (*shape)[0].is(1) || (*shape)[0].is(int64_t(known->size()))) return *known;
  const auto n = (*shape)[0].constant();
  if (known->size() != 1 || !n || *n < 0 || *n > kMaxKnown) return std::nullopt;
  return Known(size_t(*n), (*known)[0]);
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  walk(y.shape(), broadcast_strides(x.shape(), y.shape()), 0,
       [&](int64_t to, int64_t at) { copy_element(x, at, y, to); });
  return ok();
}

}  // namespace

const OpDef& expand_op() {
  static const OpDef def{
      .name = "expand",
      .doc =
          "x broadcast together with the given shape (i64), as by NumPy: an extent of 1 keeps "
          "that of x.",
      .inputs = {{"x", kAny, 'T'}, {"shape", DType::i64}},
      .outputs = {{"y", kAny, 'T'}},
      .infer = infer,
      .propagate = propagate,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph expand_both(x: f32[3,1]) -> (y) { y = expand(x, i64[3]{2, 1, 4}) })"},
  };
  return def;
}

}  // namespace hone
