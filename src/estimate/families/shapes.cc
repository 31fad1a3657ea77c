#include "estimate/families/shapes.h"

#include <algorithm>

namespace hone::estimate {

// Channels are the last axis of `out`.
WindowCounts window_of(const Infer& call, const Shape& out) {
  WindowCounts w;
  const auto has = [&](std::string_view name) { return call.attribute(name).has_value(); };
  if (has("kernel_shape"))
    for (const int64_t k : call.list("kernel_shape")) w.positions *= double(k);
  w.outputs = elements_of(out) / std::max(1.0, last_of(out));
  w.images = extent_of(out, 0);
  w.width = out.rank() >= 3 ? extent_of(out, out.rank() - 2) : 1;
  w.lines = w.outputs / std::max(1.0, w.width);
  w.pixels = w.positions == 1;
  if (has("strides")) {
    const Integers& strides = call.list("strides");
    if (!strides.empty()) w.stride = double(strides.back());
    w.pixels = w.pixels && std::ranges::all_of(strides, [](int64_t s) { return s == 1; });
  }
  return w;
}

}  // namespace hone::estimate
