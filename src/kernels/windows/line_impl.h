// The walk along a line of windows: those within the line several at once, those that leave it each
// for itself.
#pragma once

#include "kernels/vector_part.h"
#include "kernels/windows/windows.h"

namespace hone::kernels {
namespace {

// The taps [first, end) of an output that lie within the line.
struct Taps {
  int64_t first, end;
};
inline Taps taps_within(const WindowLine& line, int64_t output) {
  const int64_t start = output * line.stride - line.before, d = line.dilation;
  const int64_t first = start < 0 ? (d - 1 - start) / d : 0;
  const int64_t beyond = start >= line.pixels ? 0 : (line.pixels - start - 1) / d + 1;
  const int64_t end = beyond < line.taps ? beyond : line.taps;
  return {first < end ? first : end, end};
}

// How many pixels one step of `walk` takes.
template <int kCount>
struct Pixels {
  static constexpr int count = kCount;
};

// Calls inner(Pixels<n>(), first output) for outputs within the line, n of them, and
// edge(output, taps) for others.
template <int kMost, class Inner, class Edge>
inline void walk(const WindowLine& line, const WindowPart& part, Inner inner, Edge edge) {
  const int64_t inner_end = part.last < line.inner_end ? part.last : line.inner_end;
  int64_t o = part.first;
  for (; o < part.last && o < line.inner; ++o) edge(o, taps_within(line, o));
  for (; o + kMost <= inner_end; o += kMost) inner(Pixels<kMost>(), o);
  if constexpr (kMost > 4)
    for (; o + 4 <= inner_end; o += 4) inner(Pixels<4>(), o);
  if constexpr (kMost > 2)
    for (; o + 2 <= inner_end; o += 2) inner(Pixels<2>(), o);
  for (; o < inner_end; ++o) inner(Pixels<1>(), o);
  for (; o < part.last; ++o) edge(o, taps_within(line, o));
}

}  // namespace
}  // namespace hone::kernels
