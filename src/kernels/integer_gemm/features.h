// What the time of a product of bytes depends on: how integer_gemm.cc cuts it.
#pragma once

#include <cmath>

namespace hone::kernels {

struct IntegerGemmShape {
  double m = 0, n = 0, k = 0;
  double rows = 12, columns = 32;  // of a tile
};

struct IntegerGemmCounts {
  double dots = 0;         // of rows with panels of 16 columns, four bytes of depth each
  double tile_steps = 0;   // tiles times depth
  double tiles = 0;        // begun, and finished to results
  double results = 0;      // elements, columns padded
  double panel_bytes = 0;  // of weights, padded
  double row_bytes = 0;    // of rows, padded
};

inline IntegerGemmCounts integer_gemm_counts(const IntegerGemmShape& s) {
  constexpr double kPanel = 16, kDepthUnit = 64, kGroup = 4;  // integer_gemm.h
  const double panels = std::ceil(s.n / kPanel), depth = std::ceil(s.k / kDepthUnit) * kDepthUnit;
  const double tiles = std::ceil(s.m / s.rows) * std::ceil(panels * kPanel / s.columns);
  IntegerGemmCounts c;
  c.dots = s.m * panels * depth / kGroup;
  c.tile_steps = tiles * depth / kGroup;
  c.tiles = tiles;
  c.results = s.m * panels * kPanel;
  c.panel_bytes = panels * kPanel * depth;
  c.row_bytes = s.m * depth;
  return c;
}

}  // namespace hone::kernels
