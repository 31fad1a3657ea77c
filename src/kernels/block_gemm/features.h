// What the time of a product with block-quantized weights depends on: how block_gemm.cc cuts it.
#pragma once

#include <cmath>

namespace hone::kernels {

struct BlockGemmShape {
  double m = 0, n = 0, k = 0;
  double rows = 6, block = 32, bits = 4;
};

struct BlockGemmCounts {
  double dots = 0;        // of rows with panels of 16 columns, four codes of depth each
  double tile_steps = 0;  // tiles times depth
  double sums = 0;        // of blocks, brought to real numbers
  double expanded = 0;    // codes made bytes, for each block of rows
  double code_bytes = 0;
  double row_bytes = 0;  // prepared
};

inline BlockGemmCounts block_gemm_counts(const BlockGemmShape& s) {
  constexpr double kPanel = 16, kGroup = 4;
  constexpr double kPartRows = 2048;  // block_gemm.cc
  const double panels = std::ceil(s.n / kPanel), blocks = std::ceil(s.k / s.block);
  BlockGemmCounts c;
  c.dots = s.m * panels * s.k / kGroup;
  c.tile_steps = std::ceil(s.m / s.rows) * panels * s.k / kGroup;
  c.sums = s.m * panels * blocks;
  c.expanded = std::ceil(s.m / kPartRows) * panels * kPanel * s.k;
  c.code_bytes = panels * kPanel * s.k * s.bits / 8;
  c.row_bytes = s.m * s.k;
  return c;
}

}  // namespace hone::kernels
