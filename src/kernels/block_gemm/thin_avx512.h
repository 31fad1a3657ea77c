// Products of a few rows: weights are read once, as they lie, and as fast as memory gives them.
#pragma once

#include "kernels/block_gemm/dots_avx512.h"

namespace hone::kernels {
namespace {

// What comes next is asked for early: the hardware looks ahead within a page only. As a number:
// it may lie behind the last panel.
inline void ask_for(const void* p, int64_t ahead) {
  __builtin_prefetch(
      reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(p) + uintptr_t(ahead)));
}

// Adds a unit of all rows.
template <bool kNibbles, int kRows>
inline void add_unit(const uint8_t* codes, const int8_t* a, Dots (&low)[kRows],
                     Dots (&high)[kRows]) {
  constexpr int64_t kRow = 64, kAhead = 4096;
  constexpr int kHalf = int(kBlockUnit / 8);  // groups of four
#pragma GCC unroll 4
  for (int i = 0; i < kHalf; ++i) {
    __m512i first, second;
    ask_for(codes + i * kRow, kAhead);
    if constexpr (kNibbles) {
      const __m512i x = _mm512_loadu_si512(codes + i * kRow);
      first = low_nibbles(x), second = high_nibbles(x);
    } else {
      ask_for(codes + (kHalf + i) * kRow, kAhead);
      first = _mm512_loadu_si512(codes + i * kRow);
      second = _mm512_loadu_si512(codes + (kHalf + i) * kRow);
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      low[r].dot(first, Dots::group(a + r * kBlockUnit + 4 * i));
      high[r].dot(second, Dots::group(a + r * kBlockUnit + 4 * (kHalf + i)));
    }
  }
}

template <bool kHalf>
inline Vector widened(const void* p, int64_t at) {
  if constexpr (kHalf)
    return {_mm512_cvtph_ps(_mm256_loadu_si256(
        reinterpret_cast<const __m256i*>(static_cast<const uint16_t*>(p) + at)))};
  return Vector::load(static_cast<const float*>(p) + at);
}

template <bool kNibbles, bool kHalf, int kRows>
void thin_panel(const ThinBlocks& t, int64_t panel, float* to) {
  constexpr int64_t kAhead = 1024;
  const BlockWeights& w = *t.weights;
  const int64_t unit = kNibbles ? kUnitBytes / 2 : kUnitBytes;
  const uint8_t* codes = w.codes + panel * w.units() * unit;
  const int8_t* a = t.rows.codes;
  Vector sums[kRows];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) sums[r] = Vector::zero();
  for (int64_t b = 0; b < w.blocks; ++b) {
    Dots low[kRows], high[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      low[r] = Dots::all(t.rows.begins ? t.rows.begins[b * kRows + r] : 0);
      high[r] = Dots::all(0);
    }
    for (int64_t u = 0; u < w.block_units; ++u, codes += unit, a += kRows * kBlockUnit)
      add_unit<kNibbles>(codes, a, low, high);
    const int64_t at = (panel * w.blocks + b) * kBlockPanel;
    ask_for(static_cast<const char*>(w.scales) + at * (kHalf ? 2 : 4), kAhead);
    const Vector scale = widened<kHalf>(w.scales, at);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const Dots all{_mm512_add_epi32(low[r].v, high[r].v)};
      sums[r] = fma(all.real(), scale * Vector::all(t.rows.scales[b * kRows + r]), sums[r]);
    }
    if (!w.minima) continue;
    ask_for(static_cast<const char*>(w.minima) + at * (kHalf ? 2 : 4), kAhead);
    const Vector minimum = Vector::zero() - widened<kHalf>(w.minima, at);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r)
      sums[r] = fma(minimum, Vector::all(t.rows.lifts[b * kRows + r]), sums[r]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) sums[r].store(to + r * t.sums_step);
}

template <bool kNibbles, bool kHalf, int kRows>
void thin_panels(const ThinBlocks& t) {
  for (int64_t p = 0; p < t.panels; ++p)
    thin_panel<kNibbles, kHalf, kRows>(t, t.panel + p, t.sums + p * kBlockPanel);
}

template <bool kNibbles, bool kHalf>
void thin_rows(const ThinBlocks& t) {
  switch (t.rows.height) {
    case 1: return thin_panels<kNibbles, kHalf, 1>(t);
    case 2: return thin_panels<kNibbles, kHalf, 2>(t);
    case 3: return thin_panels<kNibbles, kHalf, 3>(t);
    default: return thin_panels<kNibbles, kHalf, 4>(t);
  }
}

void thin(const ThinBlocks& t) {
  if (t.weights->nibbles)
    return t.weights->half ? thin_rows<true, true>(t) : thin_rows<true, false>(t);
  return t.weights->half ? thin_rows<false, true>(t) : thin_rows<false, false>(t);
}

}  // namespace
}  // namespace hone::kernels
