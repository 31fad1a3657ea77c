// Tiles of products of block-quantized weights by dot products of bytes, for the vectors that the
// including file names.
#pragma once

#include "kernels/block_gemm/blocks_impl.h"

namespace hone::kernels {
namespace {

// `Dots` are 32-bit sums of unsigned times signed bytes: kWidth of them, Bytes bytes(four of each
// of kWidth columns), Group group(four of a row), dot(Bytes, Group), all(sum), real(), and fused(a,
// b, c) = a * b + c, rounded once.
template <class Dots, int kRows, int kPanels>
void block_tile(const BlockTile& t) {
  constexpr int kOfPanel = int(kBlockPanel / Dots::kWidth), kVectors = kPanels * kOfPanel;
  constexpr int64_t kGroup = 4 * kBlockPanel;
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
  const int8_t* a = t.a;
  const uint8_t* b = t.b;
  for (int64_t block = 0; block < t.blocks; ++block) {
    Dots dots[kRows][kVectors];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        dots[r][v] = t.begins ? Dots::all(t.begins[block * kRows + r]) : Dots::all(0);
    for (int64_t u = 0; u < t.block_units; ++u, a += kRows * kBlockUnit) {
      for (int64_t k = 0; k < kBlockUnit; k += 4, b += kGroup) {
        typename Dots::Bytes column[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v)
          column[v] =
              Dots::bytes(b + v / kOfPanel * t.panel_step + v % kOfPanel * 4 * Dots::kWidth);
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
void block_tiles(const BlockTile& t) {
  if constexpr (kPanels > 1)
    if (t.panels < kPanels) return block_tiles<Dots, kRows, kPanels - 1>(t);
  if constexpr (kRows > 1)
    if (t.height < kRows) return block_tiles<Dots, kRows - 1, kPanels>(t);
  block_tile<Dots, kRows, kPanels>(t);
}

}  // namespace
}  // namespace hone::kernels
