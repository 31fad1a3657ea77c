// Products of a few rows: weights are read once, as they lie, and as fast as memory gives them.
#pragma once

#include "kernels/block_gemm/dots_avx512.h"

namespace hone::kernels {
namespace {

// What comes next is asked for early: the hardware looks ahead within a page only. Into the
// second-level cache, for which more requests may be on their way than for the first one. As a
// number: it may lie behind the last panel.
inline void ask_for(const void* p, int64_t ahead) {
  __builtin_prefetch(
      reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(p) + uintptr_t(ahead)), 0, 2);
}

// Adds the groups of half a unit, `kFirst` the first of them.
template <int kBits, bool kLookup, int kFirst, int kRows>
inline void add_half(const uint8_t* unit, const int8_t* a, Codes table, Dots (&sums)[kRows]) {
#pragma GCC unroll 4
  for (int g = kFirst; g < kFirst + 4; ++g) {
    Codes codes = group_codes<kBits>(unit, g, 0);
    if constexpr (kLookup) codes = codes.among(table);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) sums[r].dot(codes.v, Dots::group(a + r * kBlockUnit + 4 * g));
  }
}

template <int kBits>
inline void ask_for_unit(const uint8_t* unit) {
  constexpr int64_t kAhead = 4096;
#pragma GCC unroll 8
  for (int i = 0; i < kBits; ++i) ask_for(unit + i * kGroupRow, kAhead);
}

// The scales of a panel as f32 [..][16]: `to`, or where they lie.
inline const float* panel_scales(const BlockWeights& w, const BlockScales& s, int64_t panel,
                                 float* to) {
  const int64_t sums = w.sums(), at = panel * sums * kBlockPanel;
  const char* from = static_cast<const char*>(s.at) + at * (s.half ? 2 : 4);
  const int64_t bytes = sums * kBlockPanel * (s.half ? 2 : 4);
  for (int64_t i = 0; i < bytes; i += 64) ask_for(from + i, bytes);
  if (!s.half) return reinterpret_cast<const float*>(from);
  for (int64_t b = 0; b < sums; ++b)
    _mm512_storeu_ps(to + b * kBlockPanel,
                     _mm512_cvtph_ps(_mm256_loadu_si256(
                         reinterpret_cast<const __m256i*>(from + b * kBlockPanel * 2))));
  return to;
}

// What the blocks of a panel have where it lies; null for nothing.
template <class T>
inline const T* panel_levels(const BlockWeights& w, const T* all, int64_t panel) {
  if (!all) return nullptr;
  const int64_t count = w.blocks * kBlockPanel, bytes = count * int64_t(sizeof(T));
  const T* from = all + panel * count;
  for (int64_t i = 0; i < bytes; i += 64) ask_for(reinterpret_cast<const char*>(from) + i, bytes);
  return from;
}

// What a block adds to the sums of the rows.
template <int kRows>
inline void add_block(const ThinBlocks& t, int64_t b, const Dots (&dots)[kRows],
                      const float* scales, const float* minima, Vector (&sums)[kRows]) {
  const Vector scale = Vector::load(scales + b * kBlockPanel);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
    sums[r] = fma(dots[r].real(), scale * Vector::all(t.rows.scales[b * kRows + r]), sums[r]);
  if (!minima) return;
  const Vector minimum = Vector::zero() - Vector::load(minima + b * kBlockPanel);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
    sums[r] = fma(minimum, Vector::all(t.rows.lifts[b * kRows + r]), sums[r]);
}

template <int kRows>
inline void begin_block(const ThinBlocks& t, int64_t b, Dots (&dots)[kRows]) {
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
    dots[r] = Dots::all(t.rows.begins ? t.rows.begins[b * kRows + r] : 0);
}

// A panel of weights in blocks.
template <int kBits, bool kLookup, bool kHalves, int kRows>
void thin_panel(const ThinBlocks& t, int64_t panel, float* to) {
  const BlockWeights& w = *t.weights;
  const float* scales = panel_scales(w, w.scales, panel, t.scales);
  const float* minima = w.minima.at ? panel_scales(w, w.minima, panel, t.minima) : nullptr;
  Vector sums[kRows];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) sums[r] = Vector::zero();
  const uint8_t* unit = w.codes + panel * w.units() * kBits * kGroupRow;
  const Codes table = kLookup ? Codes::table(w.lookup) : Codes::all(0);
  const int8_t* a = t.rows.codes;
  const int64_t units = w.block_rows / kBlockUnit;
  for (int64_t b = 0; b < w.blocks; b += kHalves ? 2 : 1) {
    Dots low[kRows], high[kRows];
    begin_block(t, b, low);
    if constexpr (kHalves) {
      if (b + 1 < w.blocks) begin_block(t, b + 1, high);
    } else {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) high[r] = Dots::all(0);
    }
    for (int64_t u = 0; u < (kHalves ? 1 : units); ++u) {
      ask_for_unit<kBits>(unit);
      add_half<kBits, kLookup, 0>(unit, a, table, low);
      if (!kHalves || b + 1 < w.blocks) add_half<kBits, kLookup, 4>(unit, a, table, high);
      unit += kBits * kGroupRow;
      a += kRows * kBlockUnit;
    }
    if constexpr (kHalves) {
      add_block(t, b, low, scales, minima, sums);
      if (b + 1 < w.blocks) add_block(t, b + 1, high, scales, minima, sums);
    } else {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) low[r].v = _mm512_add_epi32(low[r].v, high[r].v);
      add_block(t, b, low, scales, minima, sums);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) sums[r].store(to + r * t.sums_step);
}

template <int kBits, bool kLookup, bool kHalves, int kRows>
void thin_panels(const ThinBlocks& t) {
  for (int64_t p = 0; p < t.panels; ++p)
    thin_panel<kBits, kLookup, kHalves, kRows>(t, t.panel + p, t.sums + p * kBlockPanel);
}

template <int kBits, bool kLookup, bool kHalves>
void thin_rows(const ThinBlocks& t) {
  switch (t.rows.height) {
    case 1: return thin_panels<kBits, kLookup, kHalves, 1>(t);
    case 2: return thin_panels<kBits, kLookup, kHalves, 2>(t);
    case 3: return thin_panels<kBits, kLookup, kHalves, 3>(t);
    default: return thin_panels<kBits, kLookup, kHalves, 4>(t);
  }
}

template <int kBits, bool kLookup = false>
void thin_blocks(const ThinBlocks& t) {
  t.weights->block_rows < kBlockUnit ? thin_rows<kBits, kLookup, true>(t)
                                     : thin_rows<kBits, kLookup, false>(t);
}

void thin_in_blocks(const ThinBlocks& t) {
  switch (t.weights->bits) {
    case 2: return thin_blocks<2>(t);
    case 3: return thin_blocks<3>(t);
    case 4: return t.weights->lookup ? thin_blocks<4, true>(t) : thin_blocks<4>(t);
    case 5: return thin_blocks<5>(t);
    case 6: return thin_blocks<6>(t);
    default: return thin_blocks<8>(t);
  }
}

}  // namespace
}  // namespace hone::kernels
