// Positions of the largest and smallest elements along an axis.
#include "ops/common.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  const Shape& shape = c.shape(0);
  const bool keep = c.integer("keepdims") != 0;
  if (!shape.ranked) return Types{Type(DType::i64, Shape::unranked())};
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(shape.rank())));
  if (shape.dims[size_t(axis)].is(0))
    return shape_error(c, "axis " + std::to_string(axis) + " of " + shape.str() + " is empty");
  std::vector<Dim> dims = shape.dims;
  if (keep)
    dims[size_t(axis)] = 1;
  else
    dims.erase(dims.begin() + axis);
  return Types{Type(DType::i64, Shape(std::move(dims)))};
}

// NaN is beyond everything, as in NumPy.
template <bool largest>
bool beyond(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  return largest ? a > b : a < b;
}
template <bool largest>
bool beyond(int64_t a, int64_t b) {
  return largest ? a > b : a < b;
}
template <bool largest>
bool beyond(uint64_t a, uint64_t b) {
  return largest ? a > b : a < b;
}

template <bool largest, class T, class Load>
Status find(Call& c, Load load) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const bool last = c.integer("select_last_index") != 0;
  const auto [outer, n, inner] =
      split_at(x.shape(), TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t base = o * n * inner + i;
      int64_t best = 0;
      T value = T(load(x, base));
      for (int64_t k = 1; k < n; ++k) {
        const T next = T(load(x, base + k * inner));
        if (last ? beyond<largest>(value, next) : !beyond<largest>(next, value)) continue;
        best = k;
        value = next;
      }
      store_integer(y, o * inner + i, best);
    }
  return ok();
}

template <bool largest>
Status reference(Call& c) {
  if (is_float(c.dtype(0))) return find<largest, double>(c, load_real);
  if (is_unsigned(c.dtype(0))) return find<largest, uint64_t>(c, load_integer);
  return find<largest, int64_t>(c, load_integer);
}

OpDef arg_extremum(std::string_view name, std::string_view doc, Status (*reference)(Call&)) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"x", kNumbers}},
          .outputs = {{"index", DType::i64}},
          .attrs = {{"axis", AttrKind::integer, false, int64_t{0}},
                    {"keepdims", AttrKind::integer, false, int64_t{1}},
                    {"select_last_index", AttrKind::integer, false, int64_t{0},
                     "of equal elements the last, else the first"}},
          .infer = infer,
          .cost =
              [](const Infer& c, const Types& out) {
                Cost cost = default_cost(c, out);
                cost.flops = element_count(c.shape(0));
                return cost;
              },
          .reference = reference};
}

}  // namespace

const OpDef& arg_max_op() {
  static const OpDef def = arg_extremum(
      "arg_max", "Where along the axis the largest element lies (i64).", reference<true>);
  return def;
}
const OpDef& arg_min_op() {
  static const OpDef def = arg_extremum(
      "arg_min", "Where along the axis the smallest element lies (i64).", reference<false>);
  return def;
}

}  // namespace hone
