// Weights brought into panels, as kernels read them: [ceil(columns / width)][depth][width]. Plain
// loops over raw memory, bound by how fast it is read and written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ir/blocks/block_split.h"
#include "ops/block_linear.h"

namespace hone::packing {

// Everywhere: the weights are f32, or what is said, at any address, as they lie in a file, and
// `out` holds zeros, so that what is behind the last column of the last panel is zero.

inline int64_t panel_count(int64_t columns, int64_t width) { return (columns + width - 1) / width; }

// Rows first to last of a matrix [depth, columns] in C order, times `factor`, into all panels.
struct Rows {
  const std::byte* data;
  int64_t depth, columns, width;
  float factor;
};
void pack_rows(const Rows& rows, int64_t first, int64_t last, float* out);

// A matrix of 16-bit floats, in C order: [depth, columns], or transposed.
struct HalfMatrix {
  const std::byte* data;
  int64_t depth, columns, width;
};
// Rows first to last of [depth, columns], into all panels.
void pack_half_rows(const HalfMatrix& matrix, int64_t first, int64_t last, uint16_t* out);
// Panels first to last of [columns, depth].
void pack_half_columns(const HalfMatrix& matrix, int64_t first, int64_t last, uint16_t* out);

// One panel of filters [used][channels][positions], filter j times factors[j]: rows of the panel
// are (position, channel). A transposed matrix is one of one position. Are all that is packed
// finite?
struct Filters {
  const std::byte* data;  // of the first filter of the panel
  int64_t used, channels, positions, width;
  std::span<const float> factors;  // used
};
bool pack_filters(const Filters& filters, float* out);

// Depthwise filters [filters][positions] as [positions][filters]: all in one panel.
void pack_depthwise(const Filters& filters, float* out);

// Weights of bytes, as products of bytes read them: [ceil(columns / 16)][groups][16][4], four
// consecutive elements of each column side by side, `groups` many of them, zeros behind the last.
// Unsigned bytes become signed ones, 128 less: `turn` is 0x80 then, and zeros are what 128 was.
struct ByteRows {
  const std::byte* data;  // [depth, columns] in C order
  int64_t depth, columns, groups;
  uint8_t turn;
};
// Groups first to last, of all panels.
void pack_byte_rows(const ByteRows& rows, int64_t first, int64_t last, int8_t* out);

struct ByteFilters {
  const std::byte* data;  // [columns][channels][positions], the depth being (position, channel)
  int64_t columns, channels, positions, groups;
  uint8_t turn;
};
// Panels first to last.
void pack_byte_filters(const ByteFilters& filters, int64_t first, int64_t last, int8_t* out);

// The sum of each column of a panel.
void sum_byte_columns(const int8_t* panel, int64_t groups, int32_t* sums);

// Codes of 4 or 8 bits [columns][depth] as ops/block_linear.h places them, depth being whole units.
struct BlockCodes {
  const std::byte* data;
  int64_t columns, depth, bits;
};
// Panels first to last.
void pack_block_codes(const BlockCodes& codes, int64_t first, int64_t last, uint8_t* out);

// Rows [columns][depth] of blocks of a format that splits into integers.
struct SplitRows {
  const std::byte* data;
  int64_t columns, depth;
  const BlockFormat* format;
  const SplitFormat* split;
  int64_t format_blocks() const { return depth / format->elements; }
  int64_t blocks() const { return depth / split->run; }  // of a scale each
  int64_t runs() const { return panel_count(depth, block_linear::kRun); }
  // Bytes are levels as they are; other codes become such by fine scales.
  bool has_fine() const { return split->bits < 8; }
  bool shifted() const { return has_fine() && split->has_least; }
  // What is taken from codes: their middle, where a format takes nothing and has minima.
  int64_t zero() const { return split->has_least ? int64_t{1} << (split->bits - 1) : split->zero; }
};
// Where their parts go, in panels as block_linear takes weights in runs; null where there are none.
// Zeros before. The largest element of 256 rows is a level of 127 or a little less (where scales
// are powers of two 48, so that few levels are rounded); the others are the nearest ones in its
// measure, in so far as fine scales and shifts are whole.
struct SplitPanels {
  uint8_t* codes = nullptr;
  float* scales = nullptr;
  int8_t* fine = nullptr;
  int16_t* shifted = nullptr;
};
// Panels first to last.
void pack_split_rows(const SplitRows& rows, int64_t first, int64_t last, const SplitPanels& to);

// The same in blocks: exactly what the format holds. Minima where it has such.
struct ExactPanels {
  uint8_t* codes = nullptr;
  float *scales = nullptr, *minima = nullptr;
};
void pack_exact_rows(const SplitRows& rows, int64_t first, int64_t last, const ExactPanels& to);

}  // namespace hone::packing
