// Weights brought into panels, as kernels read them: [ceil(columns / width)][depth][width]. Plain
// loops over raw memory, bound by how fast it is read and written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hone::packing {

// Everywhere: the weights are f32 at any address, as they lie in a file, and `out` holds zeros, so
// that what is behind the last column of the last panel is zero.

inline int64_t panel_count(int64_t columns, int64_t width) { return (columns + width - 1) / width; }

// Rows first to last of a matrix [depth, columns] in C order, times `factor`, into all panels.
struct Rows {
  const std::byte* data;
  int64_t depth, columns, width;
  float factor;
};
void pack_rows(const Rows& rows, int64_t first, int64_t last, float* out);

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

}  // namespace hone::packing
