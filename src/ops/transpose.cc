// Exchange of axes.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  const auto rank = rank_of(c, 0);
  if (!rank && !c.given("perm")) return Types{Type(c.dtype(0), Shape::unranked())};
  const Integers perm = TRY(permutation(c, rank ? *rank : int64_t(c.list("perm").size())));
  if (!rank) return Types{Type(c.dtype(0), Shape::unknown(perm.size()))};
  std::vector<Dim> dims;
  for (int64_t axis : perm) dims.push_back(c.shape(0).dims[size_t(axis)]);
  return fixed_type(c.dtype(0), std::move(dims));
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const std::vector<int64_t> from = strides_of(x.shape());
  std::vector<int64_t> strides;
  for (int64_t axis : TRY(permutation(c, int64_t(x.rank())))) strides.push_back(from[size_t(axis)]);
  walk(y.shape(), strides, 0, [&](int64_t to, int64_t at) { copy_element(x, at, y, to); });
  return ok();
}

}  // namespace

const OpDef& transpose_op() {
  static const OpDef def{
      .name = "transpose",
      .doc = "Axis i of y is axis perm[i] of x; without perm the axes are reversed.",
      .inputs = {{"x", kAny, 'T'}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"perm", AttrKind::integers}},
      .infer = infer,
      .propagate = [](const Infer& c, size_t) -> std::optional<Known> {
        const auto rank = rank_of(c, 0);
        if (!rank || *rank > 1) return std::nullopt;
        return propagate_first(c, 0);
      },
      .cost = movement_cost,
      .reference = reference,
      .examples =
          {R"(graph transpose_perm(x: f32[2,3,4]) -> (y) { y = transpose(x) <perm=[1, 2, 0]> })",
           R"(graph transpose_reverse(x: f32[2,3,4]) -> (y) { y = transpose(x) })"},
  };
  return def;
}

}  // namespace hone
