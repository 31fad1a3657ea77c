// Sums of dot products of bytes in vectors of 512 bits.
#pragma once

#include "kernels/integer_gemm/dots.h"

namespace hone::kernels {
namespace {

struct WideSums {
  static constexpr int64_t kWidth = 16;
  using Bytes = __m512i;
  __m512i v;
  static WideSums zero() { return {_mm512_setzero_si512()}; }
  static WideSums load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
  void store(int32_t* p) const { _mm512_storeu_si512(p, v); }
  static Bytes bytes(const int8_t* p) { return _mm512_loadu_si512(p); }
  static __m512i group(const uint8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
  }
  void dot(__m512i a, Bytes b) { v = _mm512_dpbusd_epi32(v, a, b); }
};

constexpr int64_t kThinPanels = 8;

// Few rows, panels side by side: memory serves several streams better than one, and what comes next
// is asked for early, at the end of these panels in those behind them.
template <int kRows, int kPanels>
void thin_panels(const IntegerTile& t, const int8_t* b, int32_t* to) {
  constexpr int64_t kAhead = 32;  // groups
  WideSums sums[kRows][kPanels];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) sums[r][p] = WideSums::zero();
  const int64_t groups = t.depth / kDepthGroup;
  // As numbers: what is asked for may lie behind the last panel.
  const auto part = [&](int64_t from, int64_t end, int64_t ahead) {
    for (int64_t g = from; g < end; ++g) {
      const int64_t at = g * kDepthGroup * kIntegerPanel;
      __m512i a[kRows];
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) a[r] = WideSums::group(t.a + r * t.a_step + g * kDepthGroup);
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) {
        __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(b) +
                                                         uintptr_t(ahead + p * t.panel_step + at)));
        const auto bytes = WideSums::bytes(b + p * t.panel_step + at);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) sums[r][p].dot(a[r], bytes);
      }
    }
  };
  const int64_t middle = groups > kAhead ? groups - kAhead : 0;
  constexpr int64_t kGroupBytes = kDepthGroup * kIntegerPanel;
  part(0, middle, kAhead * kGroupBytes);
  part(middle, groups, kPanels * t.panel_step - middle * kGroupBytes);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) sums[r][p].store(to + r * t.sums_step + p * kIntegerPanel);
}

template <int kRows>
void thin_rows(const IntegerTile& t) {
  // As many sums as registers hold.
  constexpr int kPanels = kRows <= 2 ? 8 : 4;
  int64_t p = 0;
  for (; p + kPanels <= t.panels; p += kPanels)
    thin_panels<kRows, kPanels>(t, t.b + p * t.panel_step, t.sums + p * kIntegerPanel);
  for (; p < t.panels; ++p)
    thin_panels<kRows, 1>(t, t.b + p * t.panel_step, t.sums + p * kIntegerPanel);
}

void thin(const IntegerTile& t) {
  switch (t.rows) {
    case 1: return thin_rows<1>(t);
    case 2: return thin_rows<2>(t);
    case 3: return thin_rows<3>(t);
    default: return thin_rows<4>(t);
  }
}

}  // namespace
}  // namespace hone::kernels
