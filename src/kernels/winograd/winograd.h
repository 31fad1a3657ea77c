// The transforms of Winograd's minimal filtering F(4 x 4, 3 x 3): 16 results of a convolution with
// 3 x 3 weights from 36 products for each channel instead of 144 (A. Lavin and S. Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2015, arXiv:1509.09308). Channels lie side by
// side.
#pragma once

#include <cstdint>

namespace hone::kernels {

inline constexpr int64_t kWinogradTile = 4;       // results along an axis
inline constexpr int64_t kWinogradInput = 6;      // inputs along an axis
inline constexpr int64_t kWinogradProducts = 36;  // of a tile
inline constexpr int64_t kWinogradPositions = 9;  // of the kernel

// The 36 rows lie apart by what is no multiple of 4 kB: they would share a set of the L1 cache.
struct WinogradKernels {
  // The 36 pixels of a tile, row by row, to what the products take: 36 rows, `step` apart.
  void (*input)(const float* const* pixels, int64_t channels, float* out, int64_t step);
  // Weights of 9 positions, `position` apart, to what the products take: 36 times as many, `step`
  // apart. `count` is a multiple of the width of a tile (kernels/gemm).
  void (*weights)(const float* panel, int64_t position, int64_t count, float* out, int64_t step);
  // 36 rows of products, `step` apart, to the first `rows` x `columns` results of a tile: rows
  // y_row apart, results y_step. Are all finite?
  bool (*output)(const float* products, int64_t step, int64_t channels, int64_t rows,
                 int64_t columns, float* y, int64_t y_row, int64_t y_step);
};

extern const WinogradKernels kWinogradPortable;
#if defined(__x86_64__)
extern const WinogradKernels kWinogradAvx2;
extern const WinogradKernels kWinogradAvx512;
#endif

// The best ones for the CPU that runs this.
const WinogradKernels& winograd_kernels();

}  // namespace hone::kernels
