// Products of matrices of 8-bit integers, summed exactly in 32 bits (modulo 2^32), whose right-hand
// matrix has been packed, and what becomes of the sums: real numbers, or bytes again.
//
// S[m,n] = A[m,k] · B[k,n], A of unsigned and B of signed bytes. B is packed into panels
// [ceil(n / 16)][k' / 4][16][4]: four consecutive bytes of each column side by side; k' is k
// rounded up to kDepthUnit, and zeros stand beyond k and n. Dot products of bytes read a row of 64
// bytes of it, products of tiles 16 such rows: all instruction sets share this one layout.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace hone::kernels {

inline constexpr int64_t kIntegerPanel = 16;  // columns of a panel
inline constexpr int64_t kDepthUnit = 64;     // panels hold a multiple of so many rows of B
inline constexpr int64_t kDepthGroup = 4;     // consecutive bytes of a column

inline int64_t padded_depth(int64_t depth) {
  return (depth + kDepthUnit - 1) / kDepthUnit * kDepthUnit;
}
inline int64_t integer_panels(int64_t n) { return (n + kIntegerPanel - 1) / kIntegerPanel; }
// Where element [k, j] of B lies in panels of this padded depth.
inline int64_t packed_index(int64_t k, int64_t j, int64_t depth) {
  return (j / kIntegerPanel * depth + k / kDepthGroup * kDepthGroup) * kIntegerPanel +
         j % kIntegerPanel * kDepthGroup + k % kDepthGroup;
}

inline constexpr int64_t kRangeLanes = 16;

// What becomes of the sums S: with t = S + offsets[j] + row_terms[i] * column_terms[j], the result
// is y = activation(t * scales[j] + bias + added) in f32, or the byte
// saturate(round(y * multiplier) + zero), half to even. t is rounded to f32 first.
struct IntegerEpilogue {
  const int32_t* offsets = nullptr;       // one for each column
  const int32_t* row_terms = nullptr;     // one for each row; null for none
  const int32_t* column_terms = nullptr;  // one for each column, where there are row terms
  const float* scales = nullptr;          // one for each column
  Epilogue real = {};                     // in f32
  bool finite = false;                    // scales, bias and limits are: no number is NaN
  bool bounded = false;                   // t * scales[j] + bias is less than 2^31, for any sum
  // The result: one of these, `row` elements from one row to the next. Integers are the sums as
  // they are; nothing else counts then.
  int32_t* integers = nullptr;
  float* reals = nullptr;
  uint8_t* bytes = nullptr;
  int64_t row = 0;
  // Where given, of numbers: the least and the largest that were there, in kRangeLanes parts each.
  float* range = nullptr;
  float multiplier = 1;
  int32_t zero = 0, least = 0, most = 255;  // of bytes; -128 and 127 for signed ones
};

// Sums that are complete, but not yet results.
struct IntegerSums {
  const IntegerEpilogue* epilogue = nullptr;
  const int32_t* first = nullptr;
  int64_t step = 0, row = 0, rows = 0, column = 0, columns = 0;
};

// One tile: sums[rows][columns of `panels` panels] = A · B, or added to what is there.
struct IntegerTile {
  const uint8_t* a = nullptr;  // as `prepare` left them
  int64_t a_step = 0;          // bytes
  int64_t rows = 0;
  const int8_t* b = nullptr;
  int64_t panel_step = 0;  // bytes
  int64_t panels = 0;
  int64_t depth = 0;  // a multiple of the kernel's
  int32_t* sums = nullptr;
  int64_t sums_step = 0;  // integers
  bool add = false;
  // What comes into the cache meanwhile: `lines` cache lines for every kDepthUnit of depth.
  const int8_t* ahead = nullptr;
  int64_t lines = 0;
  // What becomes results meanwhile, where the kernel does so.
  const IntegerSums* before = nullptr;
};

// The results of rows of little depth in the columns of some panels: weights stay in registers.
struct IntegerStrip {
  const uint8_t* a = nullptr;
  int64_t a_step = 0;             // bytes
  int64_t rows = 0;               // at least a tile's
  const uint8_t* last = nullptr;  // the last tile's rows
  int64_t last_step = 0;
  const int8_t* b = nullptr;
  int64_t panel_step = 0;  // bytes
  int64_t panels = 0;      // of a tile at most
  const IntegerEpilogue* epilogue = nullptr;
  int64_t row = 0, column = 0, columns = 0;  // of the result
  int32_t* sums = nullptr;                   // room for two tiles
};

// What one instruction set offers.
struct IntegerGemmKernel {
  int64_t rows, panels;  // of a tile at most
  int64_t row_unit;      // tiles have a multiple of so many rows, but for the last one
  int64_t depth_unit;    // bytes of a row that are read at a time
  // Null, or what rows have to be brought into first: to[rows][depth] of `widened` bytes each.
  void (*prepare)(const uint8_t* a, int64_t a_step, int64_t rows, int64_t depth, uint8_t* to);
  int64_t widened;
  void (*tile)(const IntegerTile& tile);
  // Null, or whether tiles make bytes of the sums before, with such an epilogue.
  bool (*finishes)(const IntegerEpilogue& epilogue);
  // Null, or for rows of so many bytes at most with such an epilogue.
  bool (*takes_strips)(int64_t depth, const IntegerEpilogue& epilogue);
  void (*strip)(const IntegerStrip& strip);
  // The same for kThinByteRows at most: as fast as weights can be read. Null, or many panels at a
  // time.
  void (*thin)(const IntegerTile& tile);
  int64_t thin_panels;
  // Around all tiles that a thread computes in a row; null for nothing.
  void (*enter)();
  void (*leave)();
  // Rows [row, row + rows) and columns [column, column + columns) of the result.
  void (*finish)(const IntegerEpilogue& epilogue, const int32_t* sums, int64_t sums_step,
                 int64_t row, int64_t rows, int64_t column, int64_t columns);
  // sums[i] = the sum of row i.
  void (*row_sums)(const uint8_t* a, int64_t a_step, int64_t rows, int64_t depth, int32_t* sums);
};

extern const IntegerGemmKernel kIntegerGemmPortable;
#if defined(__x86_64__)
extern const IntegerGemmKernel kIntegerGemmAvx2, kIntegerGemmAvx2Vnni, kIntegerGemmAvx512Vnni,
    kIntegerGemmAmx;
#endif

inline constexpr int64_t kThinByteRows = 4;

// The best one for the CPU that runs this.
const IntegerGemmKernel& integer_gemm_kernel();

// Bytes of rows of A that do not lie in memory as they are needed.
class ByteRowSource {
 public:
  // All of rows [row, row + rows), `step` bytes apart; bytes behind a row's last up to the step may
  // be written too.
  virtual void gather(int64_t row, int64_t rows, uint8_t* to, int64_t step) const = 0;
  virtual ~ByteRowSource() = default;
};

struct IntegerProduct {
  const uint8_t* a = nullptr;  // row i at a + i * a_step
  int64_t a_step = 0;
  // Instead of these: rows from its row `row` on.
  const ByteRowSource* source = nullptr;
  int64_t row = 0;
  int64_t depth = 0;          // k
  const int8_t* b = nullptr;  // packed
  // Do zeros stand in B beyond k, so that bytes behind the end of a row do not matter?
  bool zeros = false;
  int64_t m = 0, n = 0;
  IntegerEpilogue epilogue = {};  // of row 0
};

// Do they? Weights come from files.
bool zeros_beyond_depth(const IntegerProduct& product);

// Rows [row, row_end) and panels [panel, panel_end) of the product, on this thread.
void multiply(const IntegerGemmKernel& kernel, const IntegerProduct& product, int64_t row,
              int64_t row_end, int64_t panel, int64_t panel_end);

}  // namespace hone::kernels
