// Powers with broadcasting.
#include "ops/common.h"

namespace hone {
namespace {

// Base to a natural power, wrapping around.
uint64_t integer_power(uint64_t base, uint64_t exponent) {
  uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

Status power_of_integers(Call& c) {
  const Tensor &x = c.in(0), &e = c.in(1);
  Tensor& y = *TRY(c.out(0));
  bool by_zero = false;
  const bool natural = is_unsigned(x.dtype()), natural_exponent = is_unsigned(e.dtype());
  zip(x, e, y.shape(), [&](int64_t i, int64_t p, int64_t q) {
    const int64_t base = load_integer(x, p), exponent = load_integer(e, q);
    if (exponent >= 0 || natural_exponent) {
      store_integer(y, i, int64_t(integer_power(uint64_t(base), uint64_t(exponent))));
      return;
    }
    by_zero |= base == 0;
    int64_t inverse = 0;  // truncated
    if (base == 1) inverse = 1;
    if (base == -1 && !natural) inverse = exponent % 2 == 0 ? 1 : -1;
    store_integer(y, i, inverse);
  });
  if (by_zero) return value_error(c, "the integer 0 to a negative power");
  return ok();
}

}  // namespace

const OpDef& pow_op() {
  static const OpDef def{
      .name = "pow",
      .doc =
          "x to the power e with NumPy broadcasting, in the dtype of x. Integers to integer "
          "powers are exact and wrap around; other integer results are truncated.",
      .inputs = {{"x", kNumbers, 'T'}, {"e", kNumbers}},
      .outputs = {{"y", kNumbers, 'T'}},
      .traits = Trait::elementwise,
      .infer = broadcast_all,
      .reference =
          [](Call& c) {
            if (is_integer(c.dtype(0)) && is_integer(c.dtype(1))) return power_of_integers(c);
            return zip_real(c, [](double x, double e) { return std::pow(x, e); });
          },
      .examples = {R"(graph pow_square(x: f32[2,3]) -> (y) { y = pow(x, f32{2}) })",
                   R"(graph pow_integers(x: i32[2,3], e: i64[3]) -> (y) { y = pow(x, e) })"},
  };
  return def;
}

}  // namespace hone
