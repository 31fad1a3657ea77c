// Running sums and products along an axis.
#include "ops/common.h"

namespace hone {
namespace {

Status check_axis(const Infer& c, int64_t axis) {
  auto normal = normal_axis(axis, int64_t(c.shape(0).rank()));
  return normal ? ok() : value_error(c, normal.error().message);
}

Result<Types> infer(const Infer& c) {
  if (c.shape(1).ranked) {
    const Dim count = element_count(c.shape(1));
    if (count.is_constant() && !count.is(1)) return shape_error(c, "axis must be a scalar");
  }
  if (c.shape(0).ranked)
    if (const auto axis = c.integers(1); axis && axis->size() == 1) TRY(check_axis(c, (*axis)[0]));
  return same_as_first(c);
}

template <class T, class Load, class Store, class F>
Status scan(Call& c, T start, Load load, Store store, F f) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (c.in(1).count() != 1) return shape_error(c, "axis must be a scalar");
  int64_t axis = load_integer(c.in(1), 0);
  TRY(check_axis(c, axis));
  if (axis < 0) axis += int64_t(x.rank());
  const bool exclusive = c.integer("exclusive") != 0, reverse = c.integer("reverse") != 0;
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      T result = start;
      for (int64_t k = 0; k < n; ++k) {
        const int64_t at = (o * n + (reverse ? n - 1 - k : k)) * inner + i;
        const T next = f(result, load(x, at));
        store(y, at, exclusive ? result : next);
        result = next;
      }
    }
  return ok();
}

OpDef cumulative(std::string_view name, std::string_view doc, Status (*reference)(Call&),
                 std::vector<std::string_view> examples) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"x", kNumbers, 'T'}, {"axis", kIndices}},
          .outputs = {{"y", kNumbers, 'T'}},
          .attrs = {{"exclusive", AttrKind::integer, false, int64_t{0},
                     "each element leaves out its own position"},
                    {"reverse", AttrKind::integer, false, int64_t{0}}},
          .infer = infer,
          .reference = reference,
          .examples = std::move(examples)};
}

}  // namespace

const OpDef& cum_sum_op() {
  static const OpDef def = cumulative(
      "cum_sum", "The sum of the elements up to each one along the axis. Integers wrap around.",
      [](Call& c) {
        if (is_float(c.dtype(0)))
          return scan(c, 0.0, load_real, store_real, [](double a, double b) { return a + b; });
        return scan(c, int64_t{0}, load_integer, store_integer,
                    [](int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); });
      },
      {R"(graph running_sum(x: f32[2,3]) -> (y) { y = cum_sum(x, i64{1}) })",
       R"(graph running_sum_back(x: i32[2,3]) -> (y) {
        y = cum_sum(x, i64{0}) <exclusive=1, reverse=1>
      })"});
  return def;
}

const OpDef& cum_prod_op() {
  static const OpDef def = cumulative(
      "cum_prod",
      "The product of the elements up to each one along the axis. Integers wrap around.",
      [](Call& c) {
        if (is_float(c.dtype(0)))
          return scan(c, 1.0, load_real, store_real, [](double a, double b) { return a * b; });
        return scan(c, int64_t{1}, load_integer, store_integer,
                    [](int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); });
      },
      {R"(graph running_product(x: f32[2,3]) -> (y) { y = cum_prod(x, i64{-1}) })"});
  return def;
}

}  // namespace hone
