// What families read of shapes and attributes.
#pragma once

#include <cmath>
#include <optional>
#include <string_view>

#include "estimate/family.h"
#include "ir/op.h"

namespace hone::estimate {

// Extents of a shape that is known.
inline double extent_of(const Shape& shape, size_t axis) {
  return axis < shape.rank() ? double(shape.dims[axis].constant().value_or(1)) : 1;
}
inline double last_of(const Shape& shape) {
  return shape.rank() == 0 ? 1 : extent_of(shape, shape.rank() - 1);
}
inline double elements_of(const Shape& shape) {
  double n = 1;
  for (size_t i = 0; i < shape.rank(); ++i) n *= extent_of(shape, i);
  return n;
}
inline double elements_of(const Types& types) {
  double n = 0;
  for (const Type& t : types) n += t.is_tensor() ? elements_of(t.tensor.shape) : 0;
  return n;
}
inline double ceil_div(double a, double b) { return std::ceil(a / b); }
inline double round_up(double a, double b) { return ceil_div(a, b) * b; }
inline double log_of(double x) { return std::log(std::max(x, 1.0)); }
inline bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  for (const std::string_view n : names)
    if (n == name) return true;
  return false;
}

// A window of up to three axes.
struct WindowCounts {
  double positions = 1;  // of the kernel
  double outputs = 1;    // pixels of all images
  double lines = 1;      // of outputs, of all images
  double width = 1;      // of a line of outputs
  double stride = 1;     // along a line
  double images = 1;
  bool pixels = true;  // each window is one pixel, in order
};
WindowCounts window_of(const Infer& call, const Shape& out);

}  // namespace hone::estimate
