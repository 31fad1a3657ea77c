// What the time of a product of floats depends on: how it is cut into register tiles and blocks.
#pragma once

#include <cmath>

namespace hone::kernels {

struct GemmCounts {
  double tile_steps = 0;  // register tiles times depth: a tile of fewer rows takes nearly as long
  double products = 0;    // multiply-adds with columns as wide as panels
  double results = 0;     // of tiles, for each block of depth again
  double packed = 0;      // elements of rows that are packed or gathered
};

// Rows m, columns n, depth k; tiles of `rows` by `columns`; depth in blocks of `block`.
inline GemmCounts gemm_counts(double m, double n, double k, double rows, double columns,
                              double block, bool gathers) {
  const double across = std::ceil(n / columns), down = std::ceil(m / rows);
  GemmCounts c;
  c.tile_steps = down * across * k;
  c.products = m * across * columns * k;
  c.results = m * across * columns * std::ceil(k / block);
  constexpr double kPackPanels = 6;  // gemm.h
  c.packed = gathers || across >= kPackPanels ? m * k : 0;
  return c;
}

}  // namespace hone::kernels
