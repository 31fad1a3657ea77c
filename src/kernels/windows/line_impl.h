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

// A number that the compiler knows.
template <int kCount>
struct Count {
  static constexpr int value = kCount;
};

// Calls f(Count<n>()); n is from 1 to kMost.
template <int kMost, class F>
inline void with_count(int64_t n, const F& f) {
  if constexpr (kMost > 1) {
    if (n < kMost) return with_count<kMost - 1>(n, f);
  }
  f(Count<kMost>());
}

// Images are mostly a power of two times seven pixels wide.
constexpr int kMostOutputs = 7;

// The outputs of a part: inner(Count, first output) for some whose windows lie within the line, at
// most kMost of them and about as many each time; edge(output) for each other one.
template <int kMost, class Inner, class Edge>
inline void walk(const WindowLine& line, const WindowPart& part, Inner inner, Edge edge) {
  const auto within = [&](int64_t o) {
    return o < part.first ? part.first : o < part.last ? o : part.last;
  };
  const int64_t begin = within(line.inner), end = within(line.inner_end);
  for (int64_t o = part.first; o < begin; ++o) edge(o);
  int64_t o = begin;
  for (int64_t steps = (end - begin + kMost - 1) / kMost; steps > 0; --steps) {
    const int64_t count = (end - o + steps - 1) / steps;
    with_count<kMost>(count, [&](auto n) { inner(n, o); });
    o += count;
  }
  for (o = end; o < part.last; ++o) edge(o);
}

}  // namespace
}  // namespace hone::kernels
