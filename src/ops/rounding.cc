// Rounding to integral values, up, down and to the nearest.
#include "ops/common.h"

namespace hone {
namespace {

// To the nearest, ties to even, whatever the rounding mode of the environment.
double round_half_even(double x) {
  const double below = std::floor(x), over = x - below;
  if (std::isnan(over)) return x;  // infinite or NaN
  if (over < 0.5) return std::copysign(below, x);
  if (over > 0.5) return std::copysign(below + 1, x);
  return std::copysign(std::fmod(below, 2) == 0 ? below : below + 1, x);
}

}  // namespace

const OpDef& ceil_op() {
  static const OpDef def =
      real_function<std::ceil>("ceil", "The least integer not below x.", Trait::idempotent);
  return def;
}
const OpDef& floor_op() {
  static const OpDef def =
      real_function<std::floor>("floor", "The greatest integer not above x.", Trait::idempotent);
  return def;
}
const OpDef& round_op() {
  static const OpDef def = real_function<round_half_even>(
      "round", "The nearest integer, halves to the even one.", Trait::idempotent);
  return def;
}

}  // namespace hone
