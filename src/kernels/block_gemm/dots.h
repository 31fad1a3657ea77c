// Tiles of products of block-quantized weights by dot products of bytes, for the vectors that the
// including file names.
#pragma once

#include "kernels/block_gemm/blocks_impl.h"

namespace hone::kernels {
namespace {

// `Dots` are 32-bit sums of unsigned times signed bytes: kWidth of them, Bytes bytes(four of each
// of kWidth columns), Group group(four of a row), dot(Bytes, Group), all(sum), real(), and fused(a,
// b, c) = a * b + c, rounded once.
// Adds up kLength rows of B, of the half of a unit at least.
template <class Dots, int kRows, int kPanels, int kLength>
inline void add_rows(const BlockTile& t, const int8_t* a, const uint8_t* b,
                     Dots (&dots)[kRows][kPanels * int(kBlockPanel / Dots::kWidth)]) {
  constexpr int kOfPanel = int(kBlockPanel / Dots::kWidth), kVectors = kPanels * kOfPanel;
  constexpr int64_t kGroup = 4 * kBlockPanel;
  for (int64_t k = 0; k < kLength; k += 4, b += kGroup) {
    typename Dots::Bytes column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      column[v] = Dots::bytes(b + v / kOfPanel * t.panel_step + v % kOfPanel * 4 * Dots::kWidth);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const auto group = Dots::group(a + r * kBlockUnit + k);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) dots[r][v].dot(column[v], group);
    }
  }
  // What is summed up in fewer bits holds a unit and no more.
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) dots[r][v].end_unit();
}

// The dot products of a block.
template <class Dots, int kRows, int kPanels, bool kHalves>
inline void multiply_block(const BlockTile& t, int64_t block,
                           Dots (&dots)[kRows][kPanels * int(kBlockPanel / Dots::kWidth)]) {
  constexpr int kVectors = kPanels * int(kBlockPanel / Dots::kWidth);
  constexpr int kLength = int(kHalves ? kHalfUnit : kBlockUnit);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      dots[r][v] = t.begins ? Dots::all(t.begins[block * kRows + r]) : Dots::all(0);
  const int64_t begin = block * t.block_rows;  // row of B
  const int64_t end = begin + t.block_rows < t.rows ? begin + t.block_rows : t.rows;
  for (int64_t k = begin; k < end; k += kLength) {
    const int8_t* a = t.a + k / kBlockUnit * kBlockUnit * kRows + k % kBlockUnit;
    add_rows<Dots, kRows, kPanels, kLength>(t, a, t.b + k * kBlockPanel, dots);
  }
}

template <class Dots, int kRows, int kPanels, bool kHalves>
void block_tile(const BlockTile& t) {
  constexpr int kOfPanel = int(kBlockPanel / Dots::kWidth), kVectors = kPanels * kOfPanel;
  const auto scales_at = [&](int v) {
    return v / kOfPanel * t.scales_step + v % kOfPanel * Dots::kWidth;
  };
  Vector sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sums[r][v] =
          t.add ? Vector::load(t.sums + r * t.sums_step + v * Dots::kWidth) : Vector::zero();
  for (int64_t block = 0; block < t.blocks; ++block) {
    Dots dots[kRows][kVectors];
    multiply_block<Dots, kRows, kPanels, kHalves>(t, block, dots);
    const int64_t scales = block * kBlockPanel, rows = block * kRows;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Vector scale = Vector::load(t.scales + scales + scales_at(v));
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r)
        sums[r][v] =
            Dots::fused(dots[r][v].real(), scale * Vector::all(t.a_scales[rows + r]), sums[r][v]);
    }
    if (!t.minima) continue;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Vector minimum = Vector::zero() - Vector::load(t.minima + scales + scales_at(v));
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r)
        sums[r][v] = Dots::fused(minimum, Vector::all(t.lifts[rows + r]), sums[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sums[r][v].store(t.sums + r * t.sums_step + v * Dots::kWidth);
}

template <class Dots, int kRows, int kPanels>
void block_tile_of(const BlockTile& t) {
  if constexpr (kPanels > 1)
    if (t.panels < kPanels) return block_tile_of<Dots, kRows, kPanels - 1>(t);
  if constexpr (kRows > 1)
    if (t.height < kRows) return block_tile_of<Dots, kRows - 1, kPanels>(t);
  t.block_rows < kBlockUnit ? block_tile<Dots, kRows, kPanels, true>(t)
                            : block_tile<Dots, kRows, kPanels, false>(t);
}

template <class Dots, int kRows, int kPanels>
void block_tiles(const BlockTile* tiles, int64_t count) {
  for (int64_t i = 0; i < count; ++i) block_tile_of<Dots, kRows, kPanels>(tiles[i]);
}

}  // namespace
}  // namespace hone::kernels
