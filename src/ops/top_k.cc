// The largest or smallest elements along an axis.
#include <algorithm>
#include <numeric>

#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_list(c, 1));
  if (const Dim count = element_count(c.shape(1)); count.is_constant() && !count.is(1))
    return shape_error(c, "k has " + count.str() + " elements");
  Shape shape = c.shape(0);
  if (shape.ranked) {
    const auto axis = TRY(normal_axis(c.integer("axis"), int64_t(shape.rank())));
    Dim& extent = shape.dims[size_t(axis)];
    const Known* known = c.known(1);
    const Dim k = known && known->size() == 1 ? (*known)[0] : Dim::unknown();
    if (auto wanted = k.constant()) {
      const auto have = extent.constant();
      if (*wanted < 0 || (have && *wanted > *have))
        return value_error(c, "k is " + k.str() + " for " + extent.str() + " elements");
    }
    extent = k;
  }
  return Types{Type(c.dtype(0), shape), Type(DType::i64, shape)};
}

// Is element a in front of element b? NaN counts as the largest.
bool in_front(const Tensor& x, bool largest, int64_t a, int64_t b) {
  if (!largest) std::swap(a, b);
  if (is_float(x.dtype())) {
    const double p = load_real(x, a), q = load_real(x, b);
    return p > q || (std::isnan(p) && !std::isnan(q));
  }
  const int64_t p = load_integer(x, a), q = load_integer(x, b);
  return is_unsigned(x.dtype()) ? uint64_t(p) > uint64_t(q) : p > q;
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& values = *TRY(c.out(0));
  Tensor* indices = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
  const auto axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  const int64_t k = values.shape()[size_t(axis)];
  if (values.count() == 0) return ok();
  const bool largest = c.integer("largest") != 0;
  std::vector<int64_t> order(static_cast<size_t>(n));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t base = o * n * inner + i;
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
        if (in_front(x, largest, base + a * inner, base + b * inner)) return true;
        if (in_front(x, largest, base + b * inner, base + a * inner)) return false;
        return a < b;
      });
      for (int64_t j = 0; j < k; ++j) {
        const int64_t to = (o * k + j) * inner + i;
        copy_element(x, base + order[size_t(j)] * inner, values, to);
        if (indices) store_integer(*indices, to, order[size_t(j)]);
      }
    }
  return ok();
}

}  // namespace

const OpDef& top_k_op() {
  static const OpDef def{
      .name = "top_k",
      .doc =
          "The k largest (largest=0: smallest) elements along `axis` and their positions, in "
          "order; of equal ones the first comes first.",
      .inputs = {{"x", kNumbers, 'T'}, {"k", DType::i64}},
      .outputs = {{"values", kNumbers, 'T'}, {"indices", DType::i64, 0, Port::Presence::optional}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{-1}},
                {"largest", AttrKind::integer, false, int64_t{1}},
                {"sorted", AttrKind::integer, false, int64_t{1}, "0: any order will do"}},
      .infer = infer,
      .reference = reference,
      .examples = {R"(graph top_k_largest(x: f32[3,5]) -> (v, i) { v, i = top_k(x, i64[1]{2}) })",
                   R"(graph top_k_smallest(x: f32[4,3]) -> (v, i) {
        v, i = top_k(x, i64[1]{3}) <axis=0, largest=0>
      })"},
  };
  return def;
}

}  // namespace hone
