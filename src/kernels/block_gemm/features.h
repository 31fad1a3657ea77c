// What the time of a product with block-quantized weights depends on: how block_gemm.cc cuts it, by
// these constants.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace hone::kernels {

inline constexpr int64_t kBlockPanel = 16;    // columns of a panel
inline constexpr int64_t kBlockUnit = 32;     // rows of a unit of codes
inline constexpr int64_t kThinBlockRows = 4;  // so few rows are multiplied with codes as they lie
// Of the rows that all panels pass by: they stay in the second-level cache.
inline constexpr int64_t kBlockRowBytes = int64_t{1} << 20;

struct BlockGemmShape {
  double m = 0, n = 0, k = 0;
  double rows = 6, block = 32, bits = 4;
};

struct BlockGemmCounts {
  double dots = 0;        // of rows with panels of 16 columns, four codes of depth each
  double tile_steps = 0;  // tiles times depth
  double sums = 0;        // of blocks, brought to real numbers
  double expanded = 0;    // codes made bytes, for each time that rows pass by
  double code_bytes = 0;
  double row_bytes = 0;  // prepared
};

// How often all panels are expanded for m rows, with tiles of at most `rows` of them.
inline double block_gemm_passes(double m, double k, double rows) {
  const double tiles = std::max(1.0, std::ceil(m / rows)), height = std::ceil(m / tiles);
  const double units = std::max(1.0, std::ceil(k / double(kBlockUnit)));
  const double tile_bytes = std::max(1.0, height) * units * double(kBlockUnit);
  const double tiles_of_pass = std::max(1.0, std::floor(double(kBlockRowBytes) / tile_bytes));
  return std::ceil(tiles / tiles_of_pass);
}

inline BlockGemmCounts block_gemm_counts(const BlockGemmShape& s) {
  constexpr double kPanel = double(kBlockPanel), kGroup = 4;
  const double panels = std::ceil(s.n / kPanel), blocks = std::ceil(s.k / s.block);
  BlockGemmCounts c;
  c.dots = s.m * panels * s.k / kGroup;
  c.tile_steps = std::ceil(s.m / s.rows) * panels * s.k / kGroup;
  c.sums = s.m * panels * blocks;
  c.expanded = block_gemm_passes(s.m, s.k, s.rows) * panels * kPanel * s.k;
  c.code_bytes = panels * kPanel * s.k * s.bits / 8;
  c.row_bytes = s.m * s.k;
  return c;
}

}  // namespace hone::kernels
