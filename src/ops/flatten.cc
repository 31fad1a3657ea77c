// Two axes out of many.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  const auto rank = rank_of(c, 0);
  if (!rank) return fixed_type(c.dtype(0), {Dim::unknown(), Dim::unknown()});
  int64_t axis = c.integer("axis");
  if (axis < -*rank || axis > *rank)
    return attribute_error(c, "axis " + std::to_string(axis) + " is out of range for " +
                                  std::to_string(*rank) + " axes");
  if (axis < 0) axis += *rank;
  Dim outer = 1, inner = 1;
  for (int64_t i = 0; i < *rank; ++i) {
    Dim& side = i < axis ? outer : inner;
    side = side * c.shape(0).dims[size_t(i)];
  }
  return fixed_type(c.dtype(0), {outer, inner});
}

}  // namespace

const OpDef& flatten_op() {
  static const OpDef def{
      .name = "flatten",
      .doc =
          "The elements of x as a matrix: axes before `axis` make the rows, the others the "
          "columns.",
      .inputs = {{"x", kAny, 'T'}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{1}}},
      .traits = Trait::view,
      .infer = infer,
      .cost = movement_cost,
      .reference = view_as_inferred,
      .examples = {R"(graph flatten_negative(x: f32[2,3,4]) -> (y) { y = flatten(x) <axis=-1> })",
                   R"(graph flatten_all(x: f32[2,3]) -> (y) { y = flatten(x) <axis=0> })"},
  };
  return def;
}

}  // namespace hone
