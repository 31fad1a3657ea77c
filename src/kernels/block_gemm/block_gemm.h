// Products of quantized rows with a packed matrix of block-quantized weights: 2 to 8 bits, a scale
// for every block of a column.
//
// Y[i,j] = sum over blocks b of a_scale[i,b] * (scale[b,j] * (sum over k in b of A[i,k] (Q[k,j] -
// zero)) - minimum[b,j] * sum over k in b of A[i,k]), A of signed bytes, sums of integers exact,
// sums over blocks in f32 and in order: all instruction sets give the same bits.
//
// Of weights in runs a scale is for 256 rows, and the blocks of a run have integers: codes become
// levels, L[k,j] = (Q[k,j] - zero) fine[b,j] / 2^(bits - 1) + shift[b,j] fine[b,j] / 2^8, of a
// table Q fine / 2^7, rounded, what lies in the middle up. Who packs sees to it that these are
// signed bytes. Then Y[i,j] = sum over runs r of a_scale[i,r] scale[r,j] (sum over k in r of A[i,k]
// L[k,j]).
//
// Q is packed into panels of kBlockPanel columns, [ceil(n / 16)][units], a unit being kBlockUnit
// rows of the panel in eight groups of four: what a group has of all columns, [16][4] codes, is a
// row of 64 bytes when they are bytes. Of codes of w bits, w a power of two, there are w rows of 64
// bytes, and group g lies in row g mod w from bit (g / w) w of each byte on. Other widths are two
// planes, one behind the other: 3 = 2 + 1, 5 = 4 + 1, 6 = 4 + 2 bits, the low ones first. A row of
// bytes is an operand of dot products, eight of them one of products of tiles; few rows are
// multiplied as the codes lie, for many a panel is expanded to bytes.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/block_gemm/features.h"

namespace hone::kernels {

inline constexpr int64_t kHalfUnit = kBlockUnit / 2;             // blocks are whole units or halves
inline constexpr int64_t kUnitBytes = kBlockUnit * kBlockPanel;  // of a unit of bytes
inline constexpr int64_t kBlockRun = 256;                        // rows of a run

// Scales or minima: f32 or IEEE halves, [panels][blocks or runs][16].
struct BlockScales {
  const void* at = nullptr;
  bool half = false;
};

// How codes of a run become levels, [panels][blocks][16]: signed bytes, or 16 bits of which the
// lower seven are a fine scale and the upper nine, signed, its shift. None: codes are levels plus
// 128.
struct BlockLevels {
  const int8_t* fine = nullptr;
  const int16_t* shifted = nullptr;  // not with a table
  bool none() const { return !fine && !shifted; }
};

struct BlockWeights {
  const uint8_t* codes = nullptr;   // packed
  int bits = 4;                     // 2, 3, 4, 5, 6, 8
  const uint8_t* lookup = nullptr;  // 16 bytes that nibbles stand for, 128 more; null: themselves
  BlockScales scales, minima;       // minima without address: none
  bool in_runs = false;             // without minima
  BlockLevels levels;               // of runs
  // Any code; of bytes 0 or 128; of tables 128; 0 where there are minima; the middle of the codes
  // of runs.
  int32_t zero = 0;
  int64_t columns = 0;
  int64_t blocks = 0, block_rows = kBlockUnit;  // of a column; of a block: 16, or whole units

  int64_t units() const { return (blocks * block_rows + kBlockUnit - 1) / kBlockUnit; }
  int64_t unit_bytes() const { return bits * kUnitBytes / 8; }
  int64_t panels() const { return (columns + kBlockPanel - 1) / kBlockPanel; }
  // Sums of integers: of a column; rows of one; zero of what they take; rows of sum i, of whole
  // units or half of one.
  int64_t sums() const {
    return in_runs ? (blocks * block_rows + kBlockRun - 1) / kBlockRun : blocks;
  }
  int64_t sum_rows() const { return in_runs ? kBlockRun : block_rows; }
  int32_t sum_zero() const { return in_runs ? 128 : zero; }
  int64_t rows_of_sum(int64_t i) const {
    const int64_t left = units() * kBlockUnit - i * sum_rows();
    return left < sum_rows() ? left : sum_rows();
  }
};

// Rows of A as quantization leaves them.
struct QuantizedRows {
  const int8_t* codes = nullptr;  // [m][depth]
  const float* scales = nullptr;  // [m][ceil(depth / block)]
  int64_t m = 0, depth = 0;
  int64_t block = kBlockUnit;  // elements of a scale: those of whole blocks of the weights, or of
                               // a run
};

// Rows brought into tiles of `height` rows, zeros behind the last one and behind the last element.
struct BlockRows {
  int64_t height = 0, tiles = 0;
  int8_t* codes = nullptr;    // [tiles][units][height][unit rows of the kernel]
  float* scales = nullptr;    // [tiles][sums][height]
  int32_t* begins = nullptr;  // [tiles][sums][height]: -zero times what A sums up to
  float* lifts = nullptr;     // with minima, the same: what A sums up to, times its scale
};

// A tile of rows: sums[height][16 for each of `panels`] of some blocks or runs, or added to what is
// there.
struct BlockTile {
  int64_t height = 0;
  const int8_t* a = nullptr;
  const float* a_scales = nullptr;
  const int32_t* begins = nullptr;
  const float* lifts = nullptr;
  const uint8_t* b = nullptr;  // expanded
  int64_t panel_step = 0;      // bytes
  const float* scales = nullptr;
  const float* minima = nullptr;                            // null for none
  int64_t scales_step = 0;                                  // from panel to panel
  int64_t panels = 0, blocks = 0, block_rows = kBlockUnit;  // the last one may have fewer rows
  int64_t rows = 0;                                         // of all of them
  bool centred = false;  // codes are signed, zero has been taken from them
  bool nibbles = false;  // codes are less than 16
  float* sums = nullptr;
  int64_t sums_step = 0;
  bool add = false;
  // Of kernels that can: where the last sums go, with what is added to them, instead.
  float* y = nullptr;
  int64_t y_row = 0;
  const float* added = nullptr;
  int64_t added_row = 0;
};

// Some units of a panel as tiles read them.
struct BlockExpansion {
  const uint8_t* codes = nullptr;
  int bits = 4;
  const uint8_t* lookup = nullptr;
  uint8_t less = 0;  // taken from every code
  int64_t units = 0;
  uint8_t* to = nullptr;
  BlockLevels levels;  // of the first block and those behind it
  int64_t blocks = 0, block_rows = kBlockUnit;
  uint8_t turn = 0;  // of the bits of levels
};

// The product of a few rows, in one tile, with some panels: sums[height][panels][16].
struct ThinBlocks {
  const BlockWeights* weights = nullptr;
  BlockRows rows = {};
  int64_t panel = 0, panels = 0;
  float* sums = nullptr;
  int64_t sums_step = 0;
  float *scales = nullptr, *minima = nullptr;  // room for those of a panel, [..][16]
  // Room for rows as words, and for sums of blocks: half as many as codes, and [blocks][height].
  int32_t *pairs = nullptr, *totals = nullptr;
};

struct BlockGemmKernel {
  int64_t rows, panels;  // of a tile, at most
  bool whole_tiles;      // tiles have all these rows
  bool centres;          // tiles take signed codes where weights have a zero
  bool finishes;         // tiles bring sums to results
  int64_t unit_rows;     // of a unit of A: kBlockUnit or a multiple
  void (*prepare)(const QuantizedRows& from, const BlockWeights& weights, const BlockRows& to,
                  int64_t tile, int64_t tile_end);
  void (*expand)(const BlockExpansion& expansion);
  void (*tiles)(const BlockTile* tiles, int64_t count);  // of the same columns
  // For kThinBlockRows at most; null: none. Before the first panel rows are brought into room.
  void (*prepare_thin)(const ThinBlocks& product);
  void (*thin)(const ThinBlocks& product);
  // y[rows][columns], y_row apart, from sums; the epilogue is that of column 0, row 0 of y.
  void (*finish)(const Epilogue& epilogue, const float* sums, int64_t sums_step, int64_t rows,
                 int64_t row, int64_t columns, int64_t column, float* y, int64_t y_row);
  // Around all tiles that a thread computes in a row; null for nothing.
  void (*enter)();
  void (*leave)();

  // Units of A for these weights.
  int64_t units(const BlockWeights& w) const {
    return (w.units() * kBlockUnit + unit_rows - 1) / unit_rows;
  }
};

extern const BlockGemmKernel kBlockGemmPortable;
#if defined(__x86_64__)
extern const BlockGemmKernel kBlockGemmAvx2, kBlockGemmAvx2Vnni, kBlockGemmAvx512Vnni,
    kBlockGemmAmx;                               // of blocks
extern const BlockGemmKernel kBlockGemmAmxRuns;  // of runs
#endif

// The best one for the CPU that runs this, for m rows.
const BlockGemmKernel& block_gemm_kernel(int64_t m, bool in_runs);

// The height of tiles for m rows: all about as high.
int64_t tile_height(const BlockGemmKernel& kernel, int64_t m);

// How many elements m rows have in tiles; none of what the weights do not need.
struct BlockRowSizes {
  int64_t height, tiles, codes, scales, begins, lifts;
};
BlockRowSizes row_sizes(const BlockGemmKernel& kernel, const BlockWeights& weights, int64_t m);

struct BlockProduct {
  BlockWeights weights = {};
  BlockRows rows = {};
  int64_t m = 0;
  float* y = nullptr;  // of column 0 of the weights, [m] rows `y_row` apart
  int64_t y_row = 0;
  Epilogue epilogue = {};
};

// Panels [panel, panel_end) of the product, on this thread.
void multiply(const BlockGemmKernel& kernel, const BlockProduct& product, int64_t panel,
              int64_t panel_end);

}  // namespace hone::kernels
