// What the time of a convolution by Winograd's way depends on: tiles of 4 x 4 results.
#pragma once

#include <cmath>

namespace hone::kernels {

struct WinogradCounts {
  double tiles = 0;       // of all images
  double inputs = 0;      // elements that the transform of inputs makes
  double outputs = 0;     // elements that the transform of products reads
  double tile_steps = 0;  // register tiles of the 36 products, times depth
};

inline WinogradCounts winograd_counts(double images, double height, double width, double channels,
                                      double filters, double rows, double columns) {
  constexpr double kProducts = 36, kTile = 4;  // winograd.h
  WinogradCounts c;
  c.tiles = images * std::ceil(height / kTile) * std::ceil(width / kTile);
  c.inputs = c.tiles * kProducts * channels;
  c.outputs = c.tiles * kProducts * filters;
  c.tile_steps = kProducts * std::ceil(c.tiles / rows) * std::ceil(filters / columns) * channels;
  return c;
}

}  // namespace hone::kernels
