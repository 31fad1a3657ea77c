// What the time of a product of floats depends on: how gemm.cc cuts it into register tiles and
// blocks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace hone::kernels {

struct GemmShape {
  double m = 0, n = 0, k = 0;
  double rows = 14, columns = 32;  // of the register tile
  bool gathers = false;            // rows do not lie in memory as they are needed
};

// Are rows of windows read where their lines have been laid out, `length` results to a line? Tiles
// read places for whole vectors only, and should be nearly as high as they can be.
constexpr bool reads_lines(int64_t rows, int64_t columns, int64_t length, int64_t n) {
  const int64_t tiles = (length + rows - 1) / rows;
  return length > 0 && 5 * length >= 4 * tiles * rows && n % (columns / 2) == 0;
}

struct GemmCounts {
  double multiplies = 0;   // of vectors: rows times vectors of columns times depth
  double tile_steps = 0;   // register tiles times depth: weights loaded, loops
  double tiles = 0;        // begun and finished, for each block of depth
  double results = 0;      // elements, for each block of depth
  double panel_reads = 0;  // weights read from beyond the first-level cache, for each block of rows
  double packed = 0;       // elements of rows that are packed or gathered
};

inline GemmCounts gemm_counts(const GemmShape& s) {
  constexpr double kBlockDepth = 384, kRowBlock = 224;                 // gemm.h
  constexpr double kPackPanels = 6, kFewPanels = 3, kShortRows = 256;  // packs()
  const double vector = s.columns / 2, vectors = std::ceil(s.n / vector);
  const double panels = std::ceil(s.n / s.columns),
               blocks = std::max(1.0, std::ceil(s.k / kBlockDepth));
  const double row_blocks = std::ceil(s.m / kRowBlock), tiles = std::ceil(s.m / s.rows);
  GemmCounts c;
  c.multiplies = s.m * vectors * s.k;
  c.tile_steps = tiles * panels * s.k;
  c.tiles = tiles * panels * blocks;
  c.results = s.m * s.n * blocks;
  c.panel_reads = row_blocks * panels * s.columns * s.k;
  const bool packs = panels >= kPackPanels || (panels >= kFewPanels && s.k <= kShortRows);
  c.packed = s.gathers || packs ? s.m * s.k : 0;
  return c;
}

}  // namespace hone::kernels
