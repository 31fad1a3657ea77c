// Trigonometric and hyperbolic functions and their inverses, in radians.
#include "ops/common.h"

namespace hone {

const OpDef& acos_op() {
  static const OpDef def = real_function<std::acos>("acos", "Inverse cosine; NaN outside [-1, 1].");
  return def;
}
const OpDef& acosh_op() {
  static const OpDef def =
      real_function<std::acosh>("acosh", "Inverse hyperbolic cosine; NaN below 1.");
  return def;
}
const OpDef& asin_op() {
  static const OpDef def = real_function<std::asin>("asin", "Inverse sine; NaN outside [-1, 1].");
  return def;
}
const OpDef& asinh_op() {
  static const OpDef def = real_function<std::asinh>("asinh", "Inverse hyperbolic sine.");
  return def;
}
const OpDef& atan_op() {
  static const OpDef def = real_function<std::atan>("atan", "Inverse tangent.");
  return def;
}
const OpDef& atanh_op() {
  static const OpDef def =
      real_function<std::atanh>("atanh", "Inverse hyperbolic tangent; NaN outside [-1, 1].");
  return def;
}
const OpDef& cos_op() {
  static const OpDef def = real_function<std::cos>("cos", "Cosine.");
  return def;
}
const OpDef& cosh_op() {
  static const OpDef def = real_function<std::cosh>("cosh", "Hyperbolic cosine.");
  return def;
}
const OpDef& sin_op() {
  static const OpDef def = real_function<std::sin>("sin", "Sine.");
  return def;
}
const OpDef& sinh_op() {
  static const OpDef def = real_function<std::sinh>("sinh", "Hyperbolic sine.");
  return def;
}
const OpDef& tan_op() {
  static const OpDef def = real_function<std::tan>("tan", "Tangent.");
  return def;
}
const OpDef& tanh_op() {
  static const OpDef def = real_function<std::tanh>("tanh", "Hyperbolic tangent.");
  return def;
}

}  // namespace hone
