// What the time of a convolution by Winograd's way depends on: tiles of 4 x 4 results, 36 products,
// and three transforms.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/gemm/features.h"

namespace hone::kernels {

struct WinogradShape {
  double images = 1, height = 0, width = 0, channels = 0, filters = 0;
  double rows = 14, columns = 32;  // of the register tile
};

struct WinogradCounts {
  double multiplies = 0, tile_steps = 0, tiles = 0;  // of the 36 products, as of GemmCounts
  double inputs = 0, weights = 0, outputs = 0;       // elements that transforms make or read
  double block_bytes = 0;                            // of the transformed inputs of one block
};

inline WinogradCounts winograd_counts(const WinogradShape& s) {
  constexpr double kProducts = 36, kTile = 4;     // winograd.h
  constexpr double kBlock = 112, kChannels = 64;  // backends/cpu/winograd.cc
  const double tiles = s.images * std::ceil(s.height / kTile) * std::ceil(s.width / kTile);
  const double blocks = std::max(1.0, std::ceil(tiles / kBlock)), block = std::ceil(tiles / blocks);
  const double panels = std::ceil(s.filters / s.columns);
  // Few tiles: some channels at a time.
  const double parts = blocks > 1 ? 1 : std::ceil(s.channels / kChannels);
  const GemmCounts one = gemm_counts({block, s.filters, s.channels, s.rows, s.columns, false});
  WinogradCounts c;
  c.multiplies = kProducts * blocks * one.multiplies;
  c.tile_steps = kProducts * blocks * one.tile_steps;
  c.tiles = kProducts * blocks * std::ceil(block / s.rows) * panels * parts;
  c.inputs = kProducts * tiles * s.channels;
  c.weights = kProducts * panels * s.columns * s.channels;
  c.outputs = kProducts * tiles * s.filters;
  c.block_bytes = kProducts * block * s.channels * double(sizeof(float)) / parts;
  return c;
}

// Intermediate values of one run, all threads at once.
inline double winograd_scratch_bytes(const WinogradShape& s, double threads) {
  constexpr double kProducts = 36, kTile = 4;     // winograd.h
  constexpr double kBlock = 112, kChannels = 64;  // backends/cpu/winograd.cc
  const double tiles = s.images * std::ceil(s.height / kTile) * std::ceil(s.width / kTile);
  const double blocks = std::max(1.0, std::ceil(tiles / kBlock)), block = std::ceil(tiles / blocks);
  const double panels = std::ceil(s.filters / s.columns);
  const double floats =
      blocks > 1 ? panels * s.columns * s.channels +
                       std::min(threads, blocks) * block * (s.channels + s.columns)
                 : tiles * s.channels + std::min(threads, panels) * s.columns * (kChannels + tiles);
  return kProducts * floats * double(sizeof(float));
}

}  // namespace hone::kernels
