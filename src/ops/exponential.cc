// Exponential, logarithm, roots, reciprocal and error function.
#include "ops/common.h"

namespace hone {
namespace {

double inverse(double x) { return 1 / x; }

}  // namespace

const OpDef& erf_op() {
  static const OpDef def = real_function<std::erf>(
      "erf", "Error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.");
  return def;
}
const OpDef& exp_op() {
  static const OpDef def = real_function<std::exp>("exp", "e to the power x.");
  return def;
}
const OpDef& log_op() {
  static const OpDef def =
      real_function<std::log>("log", "Natural logarithm; -inf at 0, NaN below.");
  return def;
}
const OpDef& reciprocal_op() {
  static const OpDef def = real_function<inverse>("reciprocal", "1 / x.");
  return def;
}
const OpDef& sqrt_op() {
  static const OpDef def = real_function<std::sqrt>("sqrt", "Square root; NaN below 0.");
  return def;
}

}  // namespace hone
