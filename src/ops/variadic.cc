// Minimum, maximum, sum and mean of any number of tensors, broadcast together.
#include "ops/common.h"

namespace hone {
namespace {

// y[i] = f over the elements of all inputs at a position, left to right.
template <class T, class Load, class Store, class F>
Status fold(Call& c, Load load, Store store, F f) {
  Tensor& y = *TRY(c.out(0));
  std::vector<std::vector<int64_t>> strides;
  for (const Datum* d : c.in()) strides.push_back(broadcast_strides(d->tensor.shape(), y.shape()));
  Odometer at(y.shape(), std::move(strides));
  if (at.empty()) return ok();
  int64_t i = 0;
  do {
    T result = load(c.in(0), at.offset(0));
    for (size_t k = 1; k < c.in().size(); ++k) result = f(result, load(c.in(k), at.offset(k)));
    store(y, i++, result);
  } while (at.next());
  return ok();
}

// NaN wins over everything.
double lesser(double a, double b) { return std::isnan(a) || a < b ? a : b; }
double greater(double a, double b) { return std::isnan(a) || a > b ? a : b; }

template <bool largest>
Status extremum(Call& c) {
  const DType dtype = c.dtype(0);
  if (is_float(dtype)) return fold<double>(c, load_real, store_real, largest ? greater : lesser);
  const bool natural = is_unsigned(dtype);
  return fold<int64_t>(c, load_integer, store_integer, [natural](int64_t a, int64_t b) {
    const bool above = natural ? uint64_t(a) > uint64_t(b) : a > b;
    return above == largest ? a : b;
  });
}

std::optional<Known> propagate(const Infer& c, Dim (*f)(const Dim&, const Dim&)) {
  size_t n = 1;
  for (size_t i = 0; i < c.inputs(); ++i) {
    if (!c.known(i)) return std::nullopt;
    if (c.known(i)->size() != 1) n = c.known(i)->size();
  }
  for (size_t i = 0; i < c.inputs(); ++i)
    if (c.known(i)->size() != n && c.known(i)->size() != 1) return std::nullopt;
  Known out;
  for (size_t k = 0; k < n; ++k) {
    auto element = [&](size_t i) { return (*c.known(i))[c.known(i)->size() == 1 ? 0 : k]; };
    Dim result = element(0);
    for (size_t i = 1; i < c.inputs(); ++i) result = f(result, element(i));
    out.push_back(std::move(result));
  }
  return out;
}

Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  cost.flops = cost.flops * Dim(int64_t(c.inputs()));
  return cost;
}

Result<Types> infer(const Infer& c) {
  if (c.inputs() == 0) return fail(ErrorId::bad_arity, std::string(c.op().name) + " has no inputs");
  for (size_t i = 0; i < c.inputs(); ++i)
    if (!c.has(i))
      return fail(ErrorId::bad_arity,
                  std::string(c.op().name) + ": input " + std::to_string(i) + " is missing");
  return broadcast_all(c);
}

Ports inputs(DTypes dtypes) { return {{"x", dtypes, 'T', Port::Presence::variadic}}; }

}  // namespace

const OpDef& min_op() {
  static const OpDef def{
      .name = "min",
      .doc =
          "The smallest of the inputs' elements at each position, with NumPy broadcasting; NaN "
          "where one is NaN.",
      .inputs = inputs(kNumbers),
      .outputs = {{"y", kNumbers, 'T'}},
      .traits = Trait::commutative | Trait::elementwise,
      .infer = infer,
      .propagate =
          [](const Infer& c, size_t) {
            return propagate(c, [](const Dim& a, const Dim& b) { return min(a, b); });
          },
      .cost = cost,
      .reference = extremum<false>,
  };
  return def;
}

const OpDef& max_op() {
  static const OpDef def{
      .name = "max",
      .doc =
          "The largest of the inputs' elements at each position, with NumPy broadcasting; NaN "
          "where one is NaN.",
      .inputs = inputs(kNumbers),
      .outputs = {{"y", kNumbers, 'T'}},
      .traits = Trait::commutative | Trait::elementwise,
      .infer = infer,
      .propagate =
          [](const Infer& c, size_t) {
            return propagate(c, [](const Dim& a, const Dim& b) { return max(a, b); });
          },
      .cost = cost,
      .reference = extremum<true>,
  };
  return def;
}

const OpDef& sum_op() {
  static const OpDef def{
      .name = "sum",
      .doc = "The sum of the inputs, with NumPy broadcasting.",
      .inputs = inputs(kFloats),
      .outputs = {{"y", kFloats, 'T'}},
      .traits = Trait::commutative | Trait::elementwise,
      .infer = infer,
      .cost = cost,
      .reference =
          [](Call& c) {
            return fold<double>(c, load_real, store_real, [](double a, double b) { return a + b; });
          },
  };
  return def;
}

const OpDef& mean_op() {
  static const OpDef def{
      .name = "mean",
      .doc = "The mean of the inputs at each position, with NumPy broadcasting.",
      .inputs = inputs(kFloats),
      .outputs = {{"y", kFloats, 'T'}},
      .traits = Trait::commutative | Trait::elementwise,
      .infer = infer,
      .cost = cost,
      .reference =
          [](Call& c) {
            const auto n = double(c.inputs());
            auto store = [n](Tensor& y, int64_t i, double sum) { store_real(y, i, sum / n); };
            return fold<double>(c, load_real, store, [](double a, double b) { return a + b; });
          },
  };
  return def;
}

}  // namespace hone
