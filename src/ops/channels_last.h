// What operators whose channels are the last axis share: windows, and what is added to their sums.
#pragma once

#include <vector>

#include "ops/window.h"

namespace hone {

// What computes windows lists their positions, so they must not be too many.
inline constexpr int64_t kMostWindowPositions = 65536;

// Of the kernel, by the attribute kernel_shape.
Result<int64_t> window_positions(const Infer& c);

// Input 0 has at least one axis of positions.
Status expect_image(const Infer& c);
// Bias [channels] at input 2, residual as the output at input 3, activation.
Status expect_epilogue(const Infer& c, const Shape& out);
// y = activation(sums + bias + residual).
void add_epilogue(Call& c, Tensor& y, const std::vector<double>& sums);

// Calls f(output position, kernel position, input position) for every pair that meets, all flat.
template <class F>
void each_tap(const Windows& windows, F f) {
  const Extents in = in_extents(windows), out = out_extents(windows);
  Extents kernel;
  for (const Window& w : windows) kernel.push_back(w.kernel);
  Odometer k(kernel, {});
  if (k.empty()) return;
  int64_t at = 0;
  do {
    for (const Tap& tap : taps(windows, k.position(), out, in)) f(tap.strided, at, tap.dense);
    ++at;
  } while (k.next());
}

}  // namespace hone
