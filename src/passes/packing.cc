#include "passes/packing.h"

#include <algorithm>
#include <cstring>

#include "kernels/filters/filters.h"
#include "ops/block_linear.h"

namespace hone::packing {
namespace {

float element(const std::byte* data, int64_t index) {
  float x;
  std::memcpy(&x, data + index * int64_t(sizeof x), sizeof x);
  return x;
}
}  // namespace

void pack_rows(const Rows& r, int64_t first, int64_t last, float* out) {
  // So many that what is written lies together, and few enough that they are read one by one.
  constexpr int64_t kRows = 16;
  for (int64_t begin = first; begin < last; begin += kRows) {
    const int64_t end = std::min(last, begin + kRows);
    for (int64_t column = 0; column < r.columns; column += r.width) {
      const int64_t used = std::min(r.width, r.columns - column);
      float* to = out + column * r.depth + begin * r.width;
      for (int64_t k = begin; k < end; ++k, to += r.width) {
        const int64_t at = k * r.columns + column;
        std::memcpy(to, r.data + at * int64_t(sizeof(float)), size_t(used) * sizeof(float));
        if (r.factor != 1)
          for (int64_t j = 0; j < used; ++j) to[j] *= r.factor;
      }
    }
  }
}

bool pack_filters(const Filters& f, float* out) {
  return kernels::filter_kernels().pack(
      {f.data, f.used, f.channels, f.positions, f.width, f.factors.data()}, out);
}

void pack_depthwise(const Filters& f, float* out) {
  for (int64_t j = 0; j < f.used; ++j)
    for (int64_t k = 0; k < f.positions; ++k)
      out[k * f.used + j] = element(f.data, j * f.positions + k) * f.factors[size_t(j)];
}

namespace {

constexpr int64_t kColumns = 16, kGroup = 4;  // of panels of bytes
using Bytes = uint8_t __attribute__((vector_size(16)));
using Words = uint16_t __attribute__((vector_size(16)));

Bytes load_bytes(const std::byte* data) {
  Bytes x;
  std::memcpy(&x, data, sizeof x);
  return x;
}

// 16 columns of four rows, `step` apart.
void interleave(const std::byte* data, int64_t step, uint8_t turn, int8_t* out) {
  const Bytes a = load_bytes(data) ^ turn, b = load_bytes(data + step) ^ turn,
              c = load_bytes(data + 2 * step) ^ turn, d = load_bytes(data + 3 * step) ^ turn;
  const auto low = [](Bytes x, Bytes y) {
    return Words(
        __builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  };
  const auto high = [](Bytes x, Bytes y) {
    return Words(__builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30,
                                         15, 31));
  };
  const auto store = [&](int at, Words x, Words y) {
    const Words left = __builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
    const Words right = __builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15);
    std::memcpy(out + at, &left, sizeof left);
    std::memcpy(out + at + 16, &right, sizeof right);
  };
  store(0, low(a, b), low(c, d));
  store(32, high(a, b), high(c, d));
}

int8_t turned(const std::byte* data, int64_t at, uint8_t turn) {
  return int8_t(uint8_t(data[at]) ^ turn);
}

}  // namespace

void pack_byte_rows(const ByteRows& r, int64_t first, int64_t last, int8_t* out) {
  for (int64_t g = first; g < last; ++g) {
    const std::byte* row = r.data + g * kGroup * r.columns;
    const int64_t rows = std::min(kGroup, r.depth - g * kGroup);
    for (int64_t column = 0; column < r.columns; column += kColumns) {
      int8_t* to = out + (column * r.groups + g * kColumns) * kGroup;
      if (rows == kGroup && r.columns - column >= kColumns) {
        interleave(row + column, r.columns, r.turn, to);
        continue;
      }
      const int64_t used = std::min(kColumns, r.columns - column);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < used; ++j)
          to[j * kGroup + i] = turned(row, i * r.columns + column + j, r.turn);
    }
  }
}

void pack_byte_filters(const ByteFilters& f, int64_t first, int64_t last, int8_t* out) {
  const int64_t depth = f.channels * f.positions;
  for (int64_t panel = first; panel < last; ++panel) {
    const int64_t used = std::min(kColumns, f.columns - panel * kColumns);
    for (int64_t j = 0; j < used; ++j) {
      const std::byte* filter = f.data + (panel * kColumns + j) * depth;
      int8_t* to = out + (panel * f.groups * kColumns + j) * kGroup;
      int64_t k = 0;
      for (int64_t p = 0; p < f.positions; ++p)
        for (int64_t c = 0; c < f.channels; ++c, ++k)
          to[k / kGroup * kColumns * kGroup + k % kGroup] =
              turned(filter, c * f.positions + p, f.turn);
    }
  }
}

void sum_byte_columns(const int8_t* panel, int64_t groups, int32_t* sums) {
  uint32_t all[kColumns] = {};  // unsigned: these wrap around
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t j = 0; j < kColumns; ++j, panel += kGroup)
      all[j] += uint32_t(panel[0] + panel[1] + panel[2] + panel[3]);
  for (int64_t j = 0; j < kColumns; ++j) sums[j] = int32_t(all[j]);
}

namespace {

// One column of a unit of nibbles: code k lies beside code k + 16.
void pack_nibbles(const std::byte* from, uint8_t* to) {
  const auto code = [&](int64_t k) { return uint8_t(from[k / 2]) >> k % 2 * 4 & 15; };
  constexpr int64_t kHalf = block_linear::kUnit / 2;
  for (int64_t k = 0; k < kHalf; ++k)
    to[k / kGroup * kGroup * kColumns + k % kGroup] = uint8_t(code(k) | code(k + kHalf) << 4);
}

void pack_bytes(const std::byte* from, uint8_t* to) {
  for (int64_t k = 0; k < block_linear::kUnit; k += kGroup)
    std::memcpy(to + k * kColumns, from + k, size_t(kGroup));
}

}  // namespace

void pack_block_codes(const BlockCodes& c, int64_t first, int64_t last, uint8_t* out) {
  const int64_t units = c.depth / block_linear::kUnit;
  const int64_t unit = block_linear::unit_bytes(c.bits), column_bytes = unit / kColumns;
  for (int64_t panel = first; panel < last; ++panel)
    for (int64_t j = 0; j < std::min(kColumns, c.columns - panel * kColumns); ++j)
      for (int64_t u = 0; u < units; ++u) {
        const std::byte* from = c.data + ((panel * kColumns + j) * units + u) * column_bytes;
        uint8_t* to = out + (panel * units + u) * unit + j * kGroup;
        c.bits == 4 ? pack_nibbles(from, to) : pack_bytes(from, to);
      }
}

}  // namespace hone::packing
