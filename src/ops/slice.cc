// Ranges of axes, with steps.
#include <algorithm>
#include <limits>

#include "ops/movement.h"

namespace hone {
namespace {

constexpr int64_t kFar = std::numeric_limits<int32_t>::max();  // exporters' "to the end"

bool never_negative(const Dim& d) { return !d.is_unknown() && max(d, 0) == d; }

// A bound of an axis of extent n as an offset from its start, not yet clamped.
Dim from_start(const Dim& bound, const Dim& n) {
  if (auto b = bound.constant()) return *b < 0 ? n + bound : bound;
  return never_negative(bound) ? bound : Dim::unknown();
}

// One axis, all numbers: the first element, how many, and how far apart.
struct Range {
  int64_t first, count, step;
};
Range fixed_range(int64_t n, int64_t start, int64_t end, int64_t step) {
  if (start < 0) start += n;
  if (end < 0) end += n;
  // The distance in unsigned arithmetic: step may be the smallest integer.
  const uint64_t stride = step < 0 ? 0 - uint64_t(step) : uint64_t(step);
  int64_t distance;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, n);
    distance = std::clamp<int64_t>(end, 0, n) - start;
  } else {
    start = std::clamp<int64_t>(start, -1, n - 1);
    distance = start - std::clamp<int64_t>(end, -1, n - 1);
  }
  if (distance <= 0) return {0, 0, 1};
  return {start, int64_t((uint64_t(distance) - 1) / stride + 1), step};
}

// The extent of a slice of an axis.
Dim sliced(const Dim& n, const Dim& start, const Dim& end, int64_t step) {
  const auto extent = n.constant(), first = start.constant(), last = end.constant();
  if (extent && first && last) return fixed_range(*extent, *first, *last, step).count;
  if (n.is_unknown() || start.is_unknown() || end.is_unknown()) return Dim::unknown();
  if (step < 0) {
    const bool whole = first && (*first == -1 || *first >= kFar) && last && *last <= -kFar;
    if (!whole || step == std::numeric_limits<int64_t>::min()) return Dim::unknown();
    return ceil_div(n, -step);
  }
  const bool to_end = last && *last >= kFar;
  if (to_end && first && *first < 0 && *first > -kFar) return ceil_div(min(n, Dim(-*first)), step);
  const Dim from = from_start(start, n), to = from_start(end, n);
  if (from.is_unknown() || (to.is_unknown() && !to_end)) return Dim::unknown();
  const bool within = to_end || (last && *last < 0);  // `to` cannot be behind the end
  const Dim stop = to_end ? n : within ? to : min(to, n);
  return ceil_div(max(stop - max(from, 0), 0), step);
}

// The axes that are sliced, in the order of starts; none when they cannot be told.
Result<std::optional<Integers>> sliced_axes(const Infer& c, int64_t rank) {
  using Axes = std::optional<Integers>;
  auto count = list_length(c, 1);
  if (!count) count = list_length(c, 2);
  if (!c.has(3)) {
    if (!count) return Axes();
    if (*count > rank)
      return shape_error(c,
                         std::to_string(*count) + " starts for " + std::to_string(rank) + " axes");
    Integers axes(static_cast<size_t>(*count));
    for (size_t i = 0; i < axes.size(); ++i) axes[i] = int64_t(i);
    return Axes(axes);
  }
  const auto axes = c.integers(3);
  if (!axes) return Axes();
  return Axes(TRY(normal_axes(*axes, rank)));
}

Result<std::optional<Integers>> all_steps(const Infer& c, size_t count) {
  using Steps = std::optional<Integers>;
  if (!c.has(4)) return Steps(Integers(count, 1));
  auto steps = c.integers(4);
  if (!steps) return Steps();
  for (int64_t step : *steps)
    if (step == 0) return value_error(c, "a step is 0");
  return Steps(std::move(steps));
}

Status same_lengths(const Infer& c, size_t axes) {
  for (size_t i : {1, 2, 4})
    if (auto n = list_length(c, i); n && *n != int64_t(axes))
      return shape_error(c, "input " + std::to_string(i) + " has " + std::to_string(*n) +
                                " elements for " + std::to_string(axes) + " axes");
  return ok();
}

Result<Types> infer(const Infer& c) {
  for (size_t i = 1; i < 5; ++i) TRY(expect_list(c, i));
  const auto rank = rank_of(c, 0);
  if (!rank) return Types{Type(c.dtype(0), Shape::unranked())};
  const auto axes = TRY(sliced_axes(c, *rank));
  if (!axes) return Types{Type(c.dtype(0), Shape::unknown(size_t(*rank)))};
  TRY(same_lengths(c, axes->size()));
  const auto steps = TRY(all_steps(c, axes->size()));
  const Known *starts = c.known(1), *ends = c.known(2);
  std::vector<Dim> dims = c.shape(0).dims;
  for (size_t i = 0; i < axes->size(); ++i) {
    Dim& d = dims[size_t((*axes)[i])];
    d = steps && starts && ends ? sliced(d, (*starts)[i], (*ends)[i], (*steps)[i]) : Dim::unknown();
  }
  return fixed_type(c.dtype(0), std::move(dims));
}

std::optional<Known> propagate(const Infer& c, size_t) {
  const Known* known = c.known(0);
  const auto starts = c.integers(1), ends = c.integers(2), axes = c.integers(3);
  const auto steps = all_steps(c, 1);
  if (!known || rank_of(c, 0) != 1 || !starts || !ends || (c.has(3) && !axes) || !steps || !*steps)
    return std::nullopt;
  if (starts->empty()) return *known;
  const Range range = fixed_range(int64_t(known->size()), (*starts)[0], (*ends)[0], (**steps)[0]);
  Known out;
  for (int64_t i = 0; i < range.count; ++i)
    out.push_back((*known)[size_t(range.first + i * range.step)]);
  return out;
}

Status reference(Call& c) {
  Tensor& y = *TRY(c.out(0));
  const Strided source = TRY(slice_source(c));
  walk(y.shape(), source.strides, source.base,
       [&](int64_t to, int64_t at) { copy_element(c.in(0), at, y, to); });
  return ok();
}

}  // namespace

Result<Strided> slice_source(const Call& c) {
  const Tensor& x = c.in(0);
  const auto axes = TRY(sliced_axes(c, int64_t(x.rank())));
  const auto starts = c.integers(1), ends = c.integers(2);
  if (!axes || !starts || !ends) return value_error(c, "the bounds are not known");
  const auto steps = TRY(all_steps(c, axes->size()));
  Strided source{0, strides_of(x.shape())};
  const std::vector<int64_t> own = source.strides;
  for (size_t i = 0; i < axes->size(); ++i) {
    const auto axis = size_t((*axes)[i]);
    const Range range = fixed_range(x.shape()[axis], (*starts)[i], (*ends)[i], (*steps)[i]);
    source.base += range.first * own[axis];
    source.strides[axis] = range.count > 1 ? own[axis] * range.step : 0;
  }
  return source;
}

const OpDef& slice_op() {
  static const OpDef def{
      .name = "slice",
      .doc =
          "x[starts : ends : steps] on the given axes (all, in order, without `axes`). Negative "
          "bounds count from the end; bounds are clamped; steps may be negative.",
      .inputs = {{"x", kAny, 'T'},
                 {"starts", kIndices, 'I'},
                 {"ends", kIndices, 'I'},
                 {"axes", kIndices, 'I', Port::Presence::optional},
                 {"steps", kIndices, 'I', Port::Presence::optional}},
      .outputs = {{"y", kAny, 'T'}},
      .infer = infer,
      .propagate = propagate,
      .cost = movement_cost,
      .reference = reference,
      .examples =
          {R"(graph slice_axes(x: f32[4,5,6]) -> (y) {
        y = slice(x, i64[2]{1, -1}, i64[2]{9, -7}, i64[2]{0, 2}, i64[2]{2, -2})
      })",
           R"(graph slice_first(x: f32[4,5]) -> (y) { y = slice(x, i64[1]{-3}, i64[1]{-1}) })"},
  };
  return def;
}

}  // namespace hone
