// Comparisons, and tests for infinity and NaN: numbers to booleans.
#include "ops/common.h"

namespace hone {
namespace {

// Of a - b: 1 when it is certain to be positive (zero), 0 when certain not to be.
Dim is_positive(const Dim& d) {
  if (at_least(d, 1)) return 1;
  return at_most(d, 0) ? Dim(0) : Dim::unknown();
}
Dim is_zero(const Dim& d) {
  if (d.is(0)) return 1;
  return at_least(d, 1) || at_most(d, -1) ? Dim(0) : Dim::unknown();
}

// y = f(a, b), where f takes doubles, int64 or uint64.
template <class F>
Status compare(Call& c, F f) {
  const Tensor &a = c.in(0), &b = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const bool real = is_float(a.dtype()), natural = is_unsigned(a.dtype());
  zip(a, b, y.shape(), [&](int64_t i, int64_t p, int64_t q) {
    if (real) {
      store_integer(y, i, f(load_real(a, p), load_real(b, q)));
      return;
    }
    const int64_t u = load_integer(a, p), v = load_integer(b, q);
    store_integer(y, i, natural ? f(uint64_t(u), uint64_t(v)) : f(u, v));
  });
  return ok();
}

Status reference_equal(Call& c) {
  const Tensor &a = c.in(0), &b = c.in(1);
  if (a.dtype() != DType::string) return compare(c, [](auto u, auto v) { return u == v; });
  Tensor& y = *TRY(c.out(0));
  zip(a, b, y.shape(), [&](int64_t i, int64_t p, int64_t q) {
    store_integer(y, i, a.strings()[size_t(p)] == b.strings()[size_t(q)]);
  });
  return ok();
}

OpDef comparison(std::string_view name, std::string_view doc,
                 std::optional<Known> (*propagate)(const Infer&, size_t),
                 Status (*reference)(Call&)) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"a", kNumbers, 'T'}, {"b", kNumbers, 'T'}},
          .outputs = {{"y", DType::boolean}},
          .traits = Trait::elementwise,
          .infer = broadcast_to_bool,
          .propagate = propagate,
          .reference = reference};
}

Result<Types> infer_test(const Infer& c) { return Types{Type(DType::boolean, c.shape(0))}; }

template <class F>
Status test(Call& c, F f) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  for (int64_t i = 0; i < x.count(); ++i) store_integer(y, i, f(load_real(x, i)));
  return ok();
}

}  // namespace

const OpDef& equal_op() {
  static const OpDef def{
      .name = "equal",
      .doc = "True where a = b, with NumPy broadcasting; NaN equals nothing.",
      .inputs = {{"a", kNumbers | DType::boolean | DType::string, 'T'},
                 {"b", kNumbers | DType::boolean | DType::string, 'T'}},
      .outputs = {{"y", DType::boolean}},
      .traits = Trait::commutative | Trait::elementwise,
      .infer = broadcast_to_bool,
      .propagate =
          [](const Infer& c, size_t) {
            return propagate_binary(c, [](const Dim& a, const Dim& b) { return is_zero(a - b); });
          },
      .reference = reference_equal,
  };
  return def;
}

const OpDef& greater_op() {
  static const OpDef def = comparison(
      "greater", "True where a > b, with NumPy broadcasting.",
      [](const Infer& c, size_t) {
        return propagate_binary(c, [](const Dim& a, const Dim& b) { return is_positive(a - b); });
      },
      [](Call& c) { return compare(c, [](auto a, auto b) { return a > b; }); });
  return def;
}
const OpDef& less_op() {
  static const OpDef def = comparison(
      "less", "True where a < b, with NumPy broadcasting.",
      [](const Infer& c, size_t) {
        return propagate_binary(c, [](const Dim& a, const Dim& b) { return is_positive(b - a); });
      },
      [](Call& c) { return compare(c, [](auto a, auto b) { return a < b; }); });
  return def;
}
const OpDef& greater_or_equal_op() {
  static const OpDef def = comparison(
      "greater_or_equal", "True where a >= b, with NumPy broadcasting.",
      [](const Infer& c, size_t) {
        return propagate_binary(c,
                                [](const Dim& a, const Dim& b) { return is_positive(a - b + 1); });
      },
      [](Call& c) { return compare(c, [](auto a, auto b) { return a >= b; }); });
  return def;
}
const OpDef& less_or_equal_op() {
  static const OpDef def = comparison(
      "less_or_equal", "True where a <= b, with NumPy broadcasting.",
      [](const Infer& c, size_t) {
        return propagate_binary(c,
                                [](const Dim& a, const Dim& b) { return is_positive(b - a + 1); });
      },
      [](Call& c) { return compare(c, [](auto a, auto b) { return a <= b; }); });
  return def;
}

const OpDef& is_inf_op() {
  static const OpDef def{
      .name = "is_inf",
      .doc = "True where x is infinite, of the signs asked for.",
      .inputs = {{"x", kFloats | kFloat8s}},
      .outputs = {{"y", DType::boolean}},
      .attrs = {{"detect_negative", AttrKind::integer, false, int64_t{1}},
                {"detect_positive", AttrKind::integer, false, int64_t{1}}},
      .traits = Trait::elementwise,
      .infer = infer_test,
      .reference =
          [](Call& c) {
            const bool negative = c.integer("detect_negative") != 0;
            const bool positive = c.integer("detect_positive") != 0;
            return test(c,
                        [=](double x) { return std::isinf(x) && (x < 0 ? negative : positive); });
          },
  };
  return def;
}

const OpDef& is_nan_op() {
  static const OpDef def{
      .name = "is_nan",
      .doc = "True where x is NaN.",
      .inputs = {{"x", kFloats | kFloat8s}},
      .outputs = {{"y", DType::boolean}},
      .traits = Trait::elementwise,
      .infer = infer_test,
      .reference = [](Call& c) { return test(c, [](double x) { return std::isnan(x); }); },
  };
  return def;
}

}  // namespace hone
