// A tile of dot products of bytes (VNNI), for the vectors that the including file names.
#pragma once

#include "kernels/integer_gemm/finish_impl.h"

namespace hone::kernels {
namespace {

// `Sums` is a vector of 32-bit sums: zero(), load(), store(), and dot(sums, four bytes of a row,
// rows of a panel).
template <class Sums, int kRows, int kPanels>
void dot_tile(const IntegerTile& t) {
  constexpr int kVectors = kPanels * int(kIntegerPanel / Sums::kWidth);
  constexpr int kOfPanel = int(kIntegerPanel / Sums::kWidth);
  constexpr int64_t kBytes = kDepthGroup * Sums::kWidth;
  Sums sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sums[r][v] = t.add ? Sums::load(t.sums + r * t.sums_step + v * Sums::kWidth) : Sums::zero();
  // Every third row has a pointer, the others are reached from it.
  const uint8_t* third[(kRows + 2) / 3];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r += 3) third[r / 3] = t.a + r * t.a_step;
  const int8_t* b = t.b;
  for (int64_t k = 0; k < t.depth; k += kDepthGroup, b += kDepthGroup * kIntegerPanel) {
    typename Sums::Bytes column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      column[v] = Sums::bytes(b + v / kOfPanel * t.panel_step + v % kOfPanel * kBytes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const auto group = Sums::group(third[r / 3] + r % 3 * t.a_step + k);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[r][v].dot(group, column[v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sums[r][v].store(t.sums + r * t.sums_step + v * Sums::kWidth);
}

template <class Sums, int kRows, int kPanels>
void dot_rows(const IntegerTile& t) {
  if constexpr (kRows > 1)
    if (t.rows < kRows) return dot_rows<Sums, kRows - 1, kPanels>(t);
  dot_tile<Sums, kRows, kPanels>(t);
}

template <class Sums, int kRows, int kPanels>
void dot_products(const IntegerTile& t) {
  if constexpr (kPanels > 1)
    if (t.panels < kPanels) return dot_products<Sums, kRows, kPanels - 1>(t);
  dot_rows<Sums, kRows, kPanels>(t);
}

}  // namespace
}  // namespace hone::kernels
