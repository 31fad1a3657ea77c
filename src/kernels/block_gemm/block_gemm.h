// Products of quantized rows with a packed matrix of block-quantized weights: 4 or 8 bits, a scale
// for every block of a column.
//
// Y[i,j] = sum over blocks b of a_scale[i,b] * (scale[b,j] * (sum over k in b of A[i,k] (Q[k,j] -
// zero)) - minimum[b,j] * sum over k in b of A[i,k]), A of signed bytes, sums of integers exact,
// sums over blocks in f32 and in order: all instruction sets give the same bits.
//
// Q is packed into panels of kBlockPanel columns, [ceil(n / 16)][units], a unit being kBlockUnit
// rows of the panel: bytes [8][16][4], four consecutive elements of each column side by side; or
// nibbles [4][16][4], where the low ones are the first half of the unit and the high ones the
// second. A row of 64 bytes is an operand of dot products of bytes, eight of them one of products
// of tiles; few rows are multiplied as the nibbles lie, for many a panel is expanded to bytes.
// Scales and minima are [ceil(n / 16)][blocks][16].
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace hone::kernels {

inline constexpr int64_t kBlockPanel = 16;  // columns of a panel
inline constexpr int64_t kBlockUnit = 32;   // rows of a unit; blocks are whole units
inline constexpr int64_t kUnitBytes = kBlockUnit * kBlockPanel;  // of a unit of bytes
inline constexpr int64_t kThinBlockRows = 4;

struct BlockWeights {
  const uint8_t* codes = nullptr;  // packed
  bool nibbles = false;
  bool half = false;  // scales and minima are IEEE halves, else f32
  const void* scales = nullptr;
  const void* minima = nullptr;  // null for none
  int32_t zero = 0;              // of nibbles 0 to 15, of bytes 0 or 128; 0 where there are minima
  int64_t columns = 0;
  int64_t blocks = 0, block_units = 1;  // of a column; of a block

  int64_t units() const { return blocks * block_units; }
  int64_t unit_bytes() const { return nibbles ? kUnitBytes / 2 : kUnitBytes; }
  int64_t panels() const { return (columns + kBlockPanel - 1) / kBlockPanel; }
};

// Rows of A as quantization leaves them.
struct QuantizedRows {
  const int8_t* codes = nullptr;  // [m][depth]
  const float* scales = nullptr;  // [m][blocks]
  int64_t m = 0, depth = 0;
};

// Rows brought into tiles of `height` rows, zeros behind the last one and behind the last element.
struct BlockRows {
  int64_t height = 0, tiles = 0;
  int8_t* codes = nullptr;    // [tiles][units][height][kBlockUnit]
  float* scales = nullptr;    // [tiles][blocks][height]
  int32_t* begins = nullptr;  // the same: -zero times the sum of A over the block
  float* lifts = nullptr;     // the same: the sum of A over the block, times the scale of A
};

// A tile of rows: sums[height][16 for each of `panels`] of some blocks, or added to what is there.
struct BlockTile {
  int64_t height = 0;
  const int8_t* a = nullptr;
  const float* a_scales = nullptr;
  const int32_t* begins = nullptr;
  const float* lifts = nullptr;
  const uint8_t* b = nullptr;  // expanded
  int64_t panel_step = 0;      // bytes
  const float* scales = nullptr;
  const float* minima = nullptr;  // null for none
  int64_t scales_step = 0;        // from panel to panel
  int64_t panels = 0, blocks = 0, block_units = 1;
  bool centred = false;  // codes are signed, zero has been taken from them
  bool nibbles = false;  // codes are less than 16
  float* sums = nullptr;
  int64_t sums_step = 0;
  bool add = false;
};

// Some units of a panel as tiles read them.
struct BlockExpansion {
  const uint8_t* codes = nullptr;
  bool nibbles = false;
  uint8_t less = 0;  // taken from every code
  int64_t units = 0;
  uint8_t* to = nullptr;
};

// The product of a few rows, in one tile, with some panels: sums[height][panels][16].
struct ThinBlocks {
  const BlockWeights* weights = nullptr;
  BlockRows rows = {};
  int64_t panel = 0, panels = 0;
  float* sums = nullptr;
  int64_t sums_step = 0;
};

struct BlockGemmKernel {
  int64_t rows, panels;  // of a tile, at most
  bool whole_tiles;      // tiles have all these rows
  bool centres;          // tiles take signed codes where weights have a zero
  void (*prepare)(const QuantizedRows& from, const BlockWeights& weights, const BlockRows& to,
                  int64_t tile, int64_t tile_end);
  void (*expand)(const BlockExpansion& expansion);
  void (*tile)(const BlockTile& tile);
  void (*thin)(const ThinBlocks& product);  // for kThinBlockRows at most; null: none
  // y[rows][columns], y_row apart, from sums; the epilogue is that of column 0, row 0 of y.
  void (*finish)(const Epilogue& epilogue, const float* sums, int64_t sums_step, int64_t rows,
                 int64_t row, int64_t columns, int64_t column, float* y, int64_t y_row);
  // Around all tiles that a thread computes in a row; null for nothing.
  void (*enter)();
  void (*leave)();
};

extern const BlockGemmKernel kBlockGemmPortable;
#if defined(__x86_64__)
extern const BlockGemmKernel kBlockGemmAvx2, kBlockGemmAvx2Vnni, kBlockGemmAvx512Vnni,
    kBlockGemmAmx;
#endif

// The best one for the CPU that runs this, for m rows.
const BlockGemmKernel& block_gemm_kernel(int64_t m);

// The height of tiles for m rows: all about as high.
int64_t tile_height(const BlockGemmKernel& kernel, int64_t m);

struct BlockProduct {
  BlockWeights weights = {};
  BlockRows rows = {};
  int64_t m = 0;
  float* y = nullptr;  // [m][columns]
  Epilogue epilogue = {};
};

// Panels [panel, panel_end) of the product, on this thread.
void multiply(const BlockGemmKernel& kernel, const BlockProduct& product, int64_t panel,
              int64_t panel_end);

}  // namespace hone::kernels
