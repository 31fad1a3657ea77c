#include "ops/contiguous.h"

#include <algorithm>

#include "ops/common.h"

namespace hone {
namespace {

// The bytes of one step along an axis, where all axes before it have extent 1; none for elements of
// less than a byte.
std::optional<int64_t> outermost_step(const Type& whole, int64_t axis) {
  const DType dtype = whole.tensor.dtype;
  if (dtype == DType::string || bits(dtype) % 8 != 0) return std::nullopt;
  const AxisSplit split = split_at(*whole.tensor.shape.fixed(), axis);
  if (split.outer != 1) return std::nullopt;
  return split.inner * (bits(dtype) / 8);
}

std::optional<int64_t> axis_of(const Infer& c, const Type& whole) {
  const auto axis = normal_axis(c.integer("axis"), int64_t(whole.tensor.shape.rank()));
  if (!axis) return std::nullopt;
  return *axis;
}

// One piece after the other along the axis, `step` bytes for each of its extent.
std::vector<int64_t> one_after_the_other(int64_t step, int64_t axis,
                                         const std::vector<const Type*>& pieces) {
  std::vector<int64_t> offsets;
  int64_t at = 0;
  for (const Type* piece : pieces) {
    offsets.push_back(at * step);
    at += *piece->tensor.shape.dims[size_t(axis)].constant();
  }
  return offsets;
}

std::vector<const Type*> inputs_of(const Infer& c) {
  std::vector<const Type*> types;
  for (size_t i = 0; i < c.inputs(); ++i) types.push_back(&c.type(i));
  return types;
}

std::optional<std::vector<int64_t>> slice_parts(const Infer& c, const Types& out) {
  const auto starts = c.integers(1), axes = c.integers(3), steps = c.integers(4);
  const Shape &x = c.shape(0), &y = out[0].tensor.shape;
  if (!starts || (c.has(3) && !axes) || (c.has(4) && !steps)) return std::nullopt;
  std::optional<int64_t> offset = 0;
  for (size_t i = 0; i < starts->size() && offset; ++i) {
    const auto axis = normal_axis(axes ? (*axes)[i] : int64_t(i), int64_t(x.rank()));
    if (!axis || (steps && (*steps)[i] < 0)) return std::nullopt;
    const int64_t n = *x.dims[size_t(*axis)].constant();
    if (y.dims[size_t(*axis)].is(n)) continue;
    if (steps && (*steps)[i] != 1) return std::nullopt;
    const int64_t start = (*starts)[i] < 0 ? (*starts)[i] + n : (*starts)[i];
    const auto step = outermost_step(c.type(0), *axis);
    if (!step) return std::nullopt;
    *offset += std::clamp<int64_t>(start, 0, n) * *step;
  }
  return std::vector<int64_t>{*offset};
}

// One index is one step.
std::optional<std::vector<int64_t>> gather_parts(const Infer& c) {
  const auto indices = c.integers(1);
  const auto axis = axis_of(c, c.type(0));
  if (!indices || indices->size() != 1 || !axis) return std::nullopt;
  const auto step = outermost_step(c.type(0), *axis);
  const int64_t n = *c.shape(0).dims[size_t(*axis)].constant(), index = (*indices)[0];
  if (!step || index < -n || index >= n) return std::nullopt;
  return std::vector<int64_t>{(index < 0 ? index + n : index) * *step};
}

}  // namespace

std::optional<std::vector<int64_t>> parts_of_input(const Infer& c, const Types& out) {
  const std::string_view op = c.op().name;
  if (op == "slice") return slice_parts(c, out);
  if (op == "gather") return gather_parts(c);
  if (op != "split") return std::nullopt;
  const auto axis = axis_of(c, c.type(0));
  if (!axis) return std::nullopt;
  std::vector<const Type*> pieces;
  for (const Type& t : out) pieces.push_back(&t);
  const auto step = outermost_step(c.type(0), *axis);
  if (!step) return std::nullopt;
  return one_after_the_other(*step, *axis, pieces);
}

std::optional<std::vector<int64_t>> parts_of_output(const Infer& c, const Types& out) {
  if (c.op().name != "concat") return std::nullopt;
  const auto axis = axis_of(c, out[0]);
  if (!axis) return std::nullopt;
  const auto step = outermost_step(out[0], *axis);
  if (!step) return std::nullopt;
  return one_after_the_other(*step, *axis, inputs_of(c));
}

std::optional<std::vector<int64_t>> rows_of_output(const Infer& c, const Types& out) {
  if (c.op().name != "concat") return std::nullopt;
  const auto axis = axis_of(c, out[0]);
  const DType dtype = out[0].tensor.dtype;
  if (!axis || *axis + 1 != int64_t(out[0].tensor.shape.rank()) || dtype == DType::string ||
      bits(dtype) % 8 != 0)
    return std::nullopt;
  return one_after_the_other(bits(dtype) / 8, *axis, inputs_of(c));
}

}  // namespace hone
