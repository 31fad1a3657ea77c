// Reductions along axes: sums, means, products, extrema, norms and logarithms of sums.
#include <algorithm>
#include <limits>

#include "ops/common.h"

namespace hone {
namespace {

// The axes to reduce, normal and distinct; none when only the data tell.
Result<std::optional<Integers>> axes_of(const Infer& c, int64_t rank) {
  if (c.has(1)) {
    TRY(expect_rank(c, 1, 1));
    const auto given = c.integers(1);
    const Dim count = element_count(c.shape(1));
    if (count.is_constant() && *count.constant() > rank)
      return shape_error(c, count.str() + " axes for " + c.shape(0).str());
    if (!given) return std::optional<Integers>();
    if (!given->empty()) return std::optional(TRY(normal_axes(*given, rank)));
  }
  Integers axes;
  if (c.integer("noop_with_empty_axes") == 0)
    for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
  return std::optional(axes);
}

Result<Types> infer(const Infer& c) {
  const Shape& shape = c.shape(0);
  const bool keep = c.integer("keepdims") != 0;
  const DType dtype = c.dtype(0);
  if (!shape.ranked) {
    const bool all = !c.has(1) && c.integer("noop_with_empty_axes") == 0;
    return Types{Type(dtype, all && !keep ? Shape{} : Shape::unranked())};
  }
  const auto axes = TRY(axes_of(c, int64_t(shape.rank())));
  if (!axes) return Types{Type(dtype, keep ? Shape::unknown(shape.rank()) : Shape::unranked())};
  std::vector<Dim> dims;
  for (size_t i = 0; i < shape.rank(); ++i) {
    const bool reduced = std::find(axes->begin(), axes->end(), int64_t(i)) != axes->end();
    if (!reduced)
      dims.push_back(shape.dims[i]);
    else if (keep)
      dims.push_back(1);
  }
  return Types{Type(dtype, Shape(std::move(dims)))};
}

// Of shape arithmetic: a vector of known elements reduced to one.
std::optional<Known> propagate(const Infer& c, Dim (*f)(const Dim&, const Dim&)) {
  const Known* x = c.known(0);
  if (!x || x->empty() || !c.shape(0).ranked || c.shape(0).rank() > 1) return std::nullopt;
  auto axes = axes_of(c, int64_t(c.shape(0).rank()));
  if (!axes || !*axes) return std::nullopt;
  if ((*axes)->empty()) return *x;
  Dim result = (*x)[0];
  for (size_t i = 1; i < x->size(); ++i) result = f(result, (*x)[i]);
  return Known{result};
}

template <int flops, int macs = 0>
Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  const Dim n = element_count(c.shape(0));
  cost.macs = n * Dim(macs);
  cost.flops = n * Dim(flops);
  return cost;
}

// Calls visit(offset in x, offset in the output) for all elements of x.
template <class F>
Status each(Call& c, F visit) {
  const Tensor& x = c.in(0);
  const auto axes = TRY(axes_of(c, int64_t(x.rank())));
  Extents kept = x.shape();
  for (int64_t axis : *axes) kept[size_t(axis)] = 1;
  Odometer at(x.shape(), {broadcast_strides(kept, x.shape())});
  if (at.empty()) return ok();
  int64_t i = 0;
  do visit(i++, at.offset(0));
  while (at.next());
  return ok();
}

// Refuses accumulators that take more than an output may: an empty x can have a huge y.
Status expect_room(const Call& c, const Tensor& y, uint64_t width) {
  if (uint64_t(y.count()) <= c.memory_limit.bytes() / width) return ok();
  return fail(ErrorId::over_memory, std::string(c.op().name) + ": " + std::to_string(y.count()) +
                                        " results take too much memory");
}

// y = last(step folded over the elements, how many there were).
template <class Step, class Last>
Status reduce_real(Call& c, double start, Step step, Last last) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  TRY(expect_room(c, y, sizeof(double)));
  std::vector<double> result(size_t(y.count()), start);
  TRY(each(c, [&](int64_t from, int64_t to) {
    result[size_t(to)] = step(result[size_t(to)], load_real(x, from));
  }));
  const int64_t n = y.count() == 0 ? 0 : x.count() / y.count();
  for (int64_t i = 0; i < y.count(); ++i) store_real(y, i, last(result[size_t(i)], double(n)));
  return ok();
}
template <class Step>
Status reduce_real(Call& c, double start, Step step) {
  return reduce_real(c, start, step, [](double sum, double) { return sum; });
}

// Integers, exact: wrapping around like the dtype.
template <class Step>
Status reduce_integer(Call& c, int64_t start, Step step) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  TRY(expect_room(c, y, sizeof(int64_t)));
  std::vector<int64_t> result(size_t(y.count()), start);
  TRY(each(c, [&](int64_t from, int64_t to) {
    result[size_t(to)] = step(result[size_t(to)], load_integer(x, from));
  }));
  for (int64_t i = 0; i < y.count(); ++i) store_integer(y, i, result[size_t(i)]);
  return ok();
}

int64_t wrapping_add(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }
int64_t wrapping_mul(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
double plus(double a, double b) { return a + b; }

Status sum(Call& c) {
  return is_float(c.dtype(0)) ? reduce_real(c, 0, plus) : reduce_integer(c, 0, wrapping_add);
}

Status product(Call& c) {
  if (!is_float(c.dtype(0))) return reduce_integer(c, 1, wrapping_mul);
  return reduce_real(c, 1, [](double a, double b) { return a * b; });
}

Status mean(Call& c) {
  if (is_float(c.dtype(0)))
    return reduce_real(c, 0, plus, [](double sum, double n) { return sum / n; });
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const bool natural = is_unsigned(x.dtype());
  TRY(expect_room(c, y, sizeof(__int128)));
  std::vector<__int128> sums(size_t(y.count()));
  TRY(each(c, [&](int64_t from, int64_t to) {
    const int64_t n = load_integer(x, from);
    sums[size_t(to)] += natural ? __int128(uint64_t(n)) : __int128(n);
  }));
  if (y.count() == 0) return ok();
  if (x.count() == 0) return value_error(c, "the mean of no integers");
  for (int64_t i = 0; i < y.count(); ++i)
    store_integer(y, i, int64_t(sums[size_t(i)] / (x.count() / y.count())));
  return ok();
}

template <bool largest>
Status extremum(Call& c) {
  const DType dtype = c.dtype(0);
  if (is_float(dtype))
    return reduce_real(c, largest ? -INFINITY : INFINITY, [](double a, double b) {
      if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? a : b;
      return (b > a) == largest ? b : a;
    });
  int64_t start = largest ? 0 : 1;  // of booleans
  if (is_unsigned(dtype))
    start = largest ? 0 : int64_t(std::numeric_limits<uint64_t>::max() >> (64 - bits(dtype)));
  else if (is_integer(dtype))
    start = (largest ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max()) >>
            (64 - bits(dtype));
  const bool natural = is_unsigned(dtype);
  return reduce_integer(c, start, [natural](int64_t a, int64_t b) {
    const bool above = natural ? uint64_t(b) > uint64_t(a) : b > a;
    return above == largest ? b : a;
  });
}

Status sum_of_magnitudes(Call& c) {
  if (is_float(c.dtype(0)))
    return reduce_real(c, 0, [](double sum, double x) { return sum + std::fabs(x); });
  const bool natural = is_unsigned(c.dtype(0));
  return reduce_integer(c, 0, [natural](int64_t sum, int64_t x) {
    return wrapping_add(sum, natural || x >= 0 ? x : int64_t(0 - uint64_t(x)));
  });
}

double plus_square(double sum, double x) { return sum + x * x; }

Status sum_of_squares(Call& c) {
  if (is_float(c.dtype(0))) return reduce_real(c, 0, plus_square);
  return reduce_integer(
      c, 0, [](int64_t sum, int64_t x) { return wrapping_add(sum, wrapping_mul(x, x)); });
}

Status log_sum_exp(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  TRY(expect_room(c, y, 2 * sizeof(double)));
  std::vector<double> top(size_t(y.count()), -INFINITY), sum(size_t(y.count()));
  TRY(each(c, [&](int64_t from, int64_t to) {
    top[size_t(to)] = std::max(top[size_t(to)], load_real(x, from));
  }));
  for (double& t : top)
    if (std::isinf(t)) t = 0;
  TRY(each(c, [&](int64_t from, int64_t to) {
    sum[size_t(to)] += std::exp(load_real(x, from) - top[size_t(to)]);
  }));
  for (int64_t i = 0; i < y.count(); ++i)
    store_real(y, i, top[size_t(i)] + std::log(sum[size_t(i)]));
  return ok();
}

OpDef reduction(OpDef def, DTypes dtypes = kNumbers) {
  def.inputs = {{"x", dtypes, 'T'}, {"axes", DType::i64, 0, Port::Presence::optional}};
  def.outputs = {{"y", dtypes, 'T'}};
  def.attrs = {{"keepdims", AttrKind::integer, false, int64_t{1}},
               {"noop_with_empty_axes", AttrKind::integer, false, int64_t{0},
                "no axes: reduce none rather than all"}};
  def.infer = infer;
  return def;
}

}  // namespace

const OpDef& reduce_sum_op() {
  static const OpDef def = reduction({
      .name = "reduce_sum",
      .doc = "The sum along the given axes (default: all). Integers wrap around.",
      .propagate =
          [](const Infer& c, size_t) {
            return propagate(c, [](const Dim& a, const Dim& b) { return a + b; });
          },
      .cost = cost<1>,
      .reference = sum,
      .examples = {R"(graph reduce_sum_axis(x: f32[2,3,4]) -> (y) {
        y = reduce_sum(x, i64[2]{0, -1}) <keepdims=0>
      })",
                   R"(graph reduce_sum_all(x: f32[2,3,4]) -> (y) { y = reduce_sum(x) })",
                   R"(graph reduce_sum_none(x: i32[2,3]) -> (y) {
        y = reduce_sum(x, i64[0]{}) <noop_with_empty_axes=1>
      })"},
  });
  return def;
}

const OpDef& reduce_mean_op() {
  static const OpDef def = reduction({
      .name = "reduce_mean",
      .doc = "The mean along the given axes (default: all), of integers truncated.",
      .cost = cost<1>,
      .reference = mean,
      .examples = {R"(graph reduce_mean_axis(x: f32[2,3,4]) -> (y) {
        y = reduce_mean(x, i64[1]{1})
      })"},
  });
  return def;
}

const OpDef& reduce_prod_op() {
  static const OpDef def = reduction({
      .name = "reduce_prod",
      .doc = "The product along the given axes (default: all). Integers wrap around.",
      .propagate =
          [](const Infer& c, size_t) {
            return propagate(c, [](const Dim& a, const Dim& b) { return a * b; });
          },
      .cost = cost<1>,
      .reference = product,
      .examples = {R"(graph reduce_prod_axis(x: f32[2,3,4]) -> (y) {
        y = reduce_prod(x, i64[1]{1})
      })"},
  });
  return def;
}

const OpDef& reduce_max_op() {
  static const OpDef def = reduction(
      {
          .name = "reduce_max",
          .doc = "The largest element along the given axes (default: all); NaN if there is one; of "
                 "none -inf or the least of the dtype.",
          .propagate =
              [](const Infer& c, size_t) {
                return propagate(c, [](const Dim& a, const Dim& b) { return max(a, b); });
              },
          .cost = cost<1>,
          .reference = extremum<true>,
          .examples = {R"(graph reduce_max_axis(x: f32[2,3,4]) -> (y) {
        y = reduce_max(x, i64[1]{1})
      })"},
      },
      kNumbers | DType::boolean);
  return def;
}

const OpDef& reduce_min_op() {
  static const OpDef def = reduction(
      {
          .name = "reduce_min",
          .doc = "The smallest element along the given axes (default: all); NaN if there is one; "
                 "of none inf or the largest of the dtype.",
          .propagate =
              [](const Infer& c, size_t) {
                return propagate(c, [](const Dim& a, const Dim& b) { return min(a, b); });
              },
          .cost = cost<1>,
          .reference = extremum<false>,
          .examples = {R"(graph reduce_min_axis(x: f32[2,3,4]) -> (y) {
        y = reduce_min(x, i64[1]{1})
      })"},
      },
      kNumbers | DType::boolean);
  return def;
}

const OpDef& reduce_l1_op() {
  static const OpDef def = reduction({
      .name = "reduce_l1",
      .doc = "The sum of magnitudes along the given axes (default: all).",
      .cost = cost<2>,
      .reference = sum_of_magnitudes,
      .body = R"(graph reduce_l1(x: T[*], axes: i64[*]) -> (y) {
        y = reduce_sum(abs(x), axes)
          <keepdims=$keepdims, noop_with_empty_axes=$noop_with_empty_axes>
      })",
      .examples = {R"(graph reduce_l1_axis(x: f32[2,3,4]) -> (y) {
        y = reduce_l1(x, i64[1]{1})
      })"},
  });
  return def;
}

const OpDef& reduce_l2_op() {
  static const OpDef def = reduction({
      .name = "reduce_l2",
      .doc = "The root of the sum of squares along the given axes (default: all).",
      .cost = cost<2, 1>,
      .reference =
          [](Call& c) {
            return reduce_real(c, 0, plus_square,
                               [](double sum, double) { return std::sqrt(sum); });
          },
      .body = R"(graph reduce_l2(x: T[*], axes: i64[*]) -> (y) {
        y = sqrt(reduce_sum(mul(x, x), axes)
          <keepdims=$keepdims, noop_with_empty_axes=$noop_with_empty_axes>)
      })",
      .examples = {R"(graph reduce_l2_axis(x: f32[2,3,4]) -> (y) {
        y = reduce_l2(x, i64[1]{1})
      })"},
  });
  return def;
}

const OpDef& reduce_log_sum_op() {
  static const OpDef def = reduction({
      .name = "reduce_log_sum",
      .doc = "The logarithm of the sum along the given axes (default: all).",
      .cost = cost<1>,
      .reference =
          [](Call& c) {
            return reduce_real(c, 0, plus, [](double sum, double) { return std::log(sum); });
          },
      .body = R"(graph reduce_log_sum(x: T[*], axes: i64[*]) -> (y) {
        y = log(reduce_sum(x, axes)
          <keepdims=$keepdims, noop_with_empty_axes=$noop_with_empty_axes>)
      })",
      .examples = {R"(graph reduce_log_sum_axis(x: f32[2,3,4]) -> (y) {
        y = reduce_log_sum(abs(x), i64[1]{1})
      })"},
  });
  return def;
}

const OpDef& reduce_log_sum_exp_op() {
  static const OpDef def = reduction({
      .name = "reduce_log_sum_exp",
      .doc =
          "The logarithm of the sum of exponentials along the given axes (default: all), without "
          "overflow.",
      .cost = cost<3>,
      .reference = log_sum_exp,
      .also = {R"(graph reduce_log_sum_exp(x: T[*], axes: i64[*]) -> (y) {
        y = log(reduce_sum(exp(x), axes)
          <keepdims=$keepdims, noop_with_empty_axes=$noop_with_empty_axes>)
      })"},
      .examples = {R"(graph reduce_log_sum_exp_axis(x: f32[2,3,4]) -> (y) {
        y = reduce_log_sum_exp(x, i64[1]{1})
      })"},
  });
  return def;
}

const OpDef& reduce_sum_square_op() {
  static const OpDef def = reduction({
      .name = "reduce_sum_square",
      .doc = "The sum of squares along the given axes (default: all).",
      .cost = cost<2, 1>,
      .reference = sum_of_squares,
      .body = R"(graph reduce_sum_square(x: T[*], axes: i64[*]) -> (y) {
        y = reduce_sum(mul(x, x), axes)
          <keepdims=$keepdims, noop_with_empty_axes=$noop_with_empty_axes>
      })",
      .examples = {R"(graph reduce_sum_square_axis(x: f32[2,3,4]) -> (y) {
        y = reduce_sum_square(x, i64[1]{1})
      })"},
  });
  return def;
}

}  // namespace hone
