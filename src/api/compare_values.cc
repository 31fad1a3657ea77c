// How far two values are apart, under the rule of ONNX's own test runner.
#include <cmath>

#include "api/value.h"

namespace hone::v1 {
namespace {

bool agree(double a, double b, const Tolerance& tolerance) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return std::fabs(a - b) <= tolerance.absolute + tolerance.relative * std::fabs(b);
}

void note(Comparison& c, double a, double b, bool equal) {
  if (!equal) ++c.different;
  const double distance = std::fabs(a - b);
  if (std::isnan(distance) || a == b) return;
  c.largest_absolute = std::max(c.largest_absolute, distance);
  if (b != 0) c.largest_relative = std::max(c.largest_relative, distance / std::fabs(b));
}

void compare_tensors(Comparison& c, const Tensor& a, const Tensor& b, const Tolerance& tolerance) {
  c.elements += b.count();
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) {
    c.reason = a.type().str() + " instead of " + b.type().str();
    c.different += b.count();
    return;
  }
  if (a.dtype() == hone::DType::string) {
    for (size_t i = 0; i < a.strings().size(); ++i)
      if (a.strings()[i] != b.strings()[i]) ++c.different;
    return;
  }
  if (is_complex(a.dtype())) {
    const bool wide = a.dtype() == hone::DType::c128;
    for (int64_t i = 0; i < 2 * a.count(); ++i) {
      const double x = wide ? reinterpret_cast<const double*>(a.data())[i]
                            : reinterpret_cast<const float*>(a.data())[i];
      const double y = wide ? reinterpret_cast<const double*>(b.data())[i]
                            : reinterpret_cast<const float*>(b.data())[i];
      note(c, x, y, agree(x, y, tolerance));
    }
    return;
  }
  const bool exact = !is_float(a.dtype());
  for (int64_t i = 0; i < a.count(); ++i) {
    const double x = load_real(a, i), y = load_real(b, i);
    note(c, x, y, exact ? load_integer(a, i) == load_integer(b, i) : agree(x, y, tolerance));
  }
}

void compare_data(Comparison& c, const Datum& a, const Datum& b, const Tolerance& tolerance) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) {
    c.reason = a.type().str() + " of " + std::to_string(a.items.size()) + " elements instead of " +
               b.type().str() + " of " + std::to_string(b.items.size());
    ++c.different;
    return;
  }
  if (a.kind == Datum::Kind::tensor || a.kind == Datum::Kind::map)
    compare_tensors(c, a.tensor, b.tensor, tolerance);
  for (size_t i = 0; i < a.items.size() && c.reason.empty(); ++i)
    compare_data(c, a.items[i], b.items[i], tolerance);
}

}  // namespace

Comparison compare(const Value& actual, const Value& expected, const Tolerance& tolerance) {
  Comparison c;
  compare_data(c, unwrap(actual), unwrap(expected), tolerance);
  c.equal = c.different == 0 && c.reason.empty();
  return c;
}

}  // namespace hone::v1
