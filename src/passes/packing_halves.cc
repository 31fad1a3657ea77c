// Matrices of 16-bit floats brought into panels.
#include <algorithm>
#include <cstring>

#include "passes/packing.h"

namespace hone::packing {
namespace {

constexpr int64_t kBytes = sizeof(uint16_t);
constexpr int kBlock = 8;  // columns and elements of them that are turned together
using Words = uint16_t __attribute__((vector_size(16)));

Words load(const std::byte* data) {
  Words x;
  std::memcpy(&x, data, sizeof x);
  return x;
}
Words pairs(Words a, Words b, bool high) {
  return high ? __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
              : __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

// to[i][j] = from[j][i]: three times, rows are interleaved with those that are four behind them.
void turn(const std::byte* from, int64_t step, uint16_t* to, int64_t to_step) {
  Words rows[kBlock], next[kBlock];
  for (int i = 0; i < kBlock; ++i) rows[i] = load(from + i * step);
  for (int stage = 0; stage < 3; ++stage) {
    for (int64_t i = 0; i < kBlock / 2; ++i) {
      next[2 * i] = pairs(rows[i], rows[i + kBlock / 2], false);
      next[2 * i + 1] = pairs(rows[i], rows[i + kBlock / 2], true);
    }
    std::copy(next, next + kBlock, rows);
  }
  for (int i = 0; i < kBlock; ++i) std::memcpy(to + i * to_step, &rows[i], sizeof rows[i]);
}

void turn_each(const std::byte* from, int64_t step, int64_t columns, int64_t depth, uint16_t* to,
               int64_t to_step) {
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t j = 0; j < columns; ++j)
      std::memcpy(to + k * to_step + j, from + j * step + k * kBytes, kBytes);
}

}  // namespace

void pack_half_rows(const HalfMatrix& m, int64_t first, int64_t last, uint16_t* out) {
  for (int64_t column = 0; column < m.columns; column += m.width) {
    const auto bytes = size_t(std::min(m.width, m.columns - column) * kBytes);
    uint16_t* to = out + column * m.depth + first * m.width;
    for (int64_t k = first; k < last; ++k, to += m.width)
      std::memcpy(to, m.data + (k * m.columns + column) * kBytes, bytes);
  }
}

void pack_half_columns(const HalfMatrix& m, int64_t first, int64_t last, uint16_t* out) {
  const int64_t step = m.depth * kBytes, whole = m.depth / kBlock * kBlock;
  for (int64_t panel = first; panel < last; ++panel) {
    const int64_t column = panel * m.width, used = std::min(m.width, m.columns - column);
    const int64_t turned = used / kBlock * kBlock;
    const std::byte* from = m.data + column * step;
    uint16_t* to = out + column * m.depth;
    for (int64_t k = 0; k < whole; k += kBlock)
      for (int64_t j = 0; j < turned; j += kBlock)
        turn(from + j * step + k * kBytes, step, to + k * m.width + j, m.width);
    turn_each(from + turned * step, step, used - turned, whole, to + turned, m.width);
    turn_each(from + whole * kBytes, step, used, m.depth - whole, to + whole * m.width, m.width);
  }
}

}  // namespace hone::packing
