// Small vectors of the baseline instruction set are enough here: what takes time is memory.
#include "passes/packing.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace hone::packing {
namespace {

constexpr int64_t kLanes = 4;
using Floats = float __attribute__((vector_size(16)));
using Doubles = double __attribute__((vector_size(32)));

float element(const std::byte* data, int64_t index) {
  float x;
  std::memcpy(&x, data + index * int64_t(sizeof x), sizeof x);
  return x;
}
Floats load(const std::byte* data, int64_t index) {
  Floats x;
  std::memcpy(&x, data + index * int64_t(sizeof(float)), sizeof x);
  return x;
}
void store(Floats x, float* to) { std::memcpy(to, &x, sizeof x); }

// Four filters from `data` on, `length` apart: their elements k to k + 3, each over the filters.
struct Square {
  Floats rows[kLanes];
  Square(const std::byte* data, int64_t length, int64_t k) {
    const Floats a = load(data, k), b = load(data, length + k), c = load(data, 2 * length + k),
                 d = load(data, 3 * length + k);
    const Floats ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const Floats cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Floats ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Floats cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    rows[0] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    rows[1] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    rows[2] = __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
    rows[3] = __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
  }
};

// Consecutive elements of filters, and where the rows of the panel lie that they belong to. So many
// that whole cache lines of each filter are read, and so few that the rows stay in the first-level
// cache until the last filter is there.
struct Block {
  static constexpr int64_t kMost = 32;
  int64_t first = 0, count = 0;
  std::array<int64_t, kMost> row{};
};

void pack_block(const Filters& f, const Block& block, float* out) {
  const int64_t length = f.channels * f.positions;
  int64_t j = 0;
  for (; j + kLanes <= f.used; j += kLanes) {
    const std::byte* data = f.data + j * length * int64_t(sizeof(float));
    Floats factor;
    std::memcpy(&factor, f.factors.data() + j, sizeof factor);
    int64_t i = 0;
    for (; i + kLanes <= block.count; i += kLanes) {
      const Square square(data, length, block.first + i);
      for (int64_t k = 0; k < kLanes; ++k)
        store(square.rows[k] * factor, out + block.row[size_t(i + k)] + j);
    }
    for (; i < block.count; ++i)
      for (int64_t lane = 0; lane < kLanes; ++lane)
        out[block.row[size_t(i)] + j + lane] =
            element(data, lane * length + block.first + i) * f.factors[size_t(j + lane)];
  }
  for (; j < f.used; ++j)
    for (int64_t i = 0; i < block.count; ++i)
      out[block.row[size_t(i)] + j] =
          element(f.data, j * length + block.first + i) * f.factors[size_t(j)];
}

// G times three numbers, each over four filters.
void transform(const Doubles in[3], Doubles out[6]) {
  const Doubles even = (in[0] + in[2]) * (-1.0 / 6), odd = in[1] * (1.0 / 6);
  const Doubles wide = in[0] * (1.0 / 24) + in[2] * (1.0 / 6), half = in[1] * (1.0 / 12);
  out[0] = in[0] * 0.25;
  out[1] = even - odd;
  out[2] = even + odd;
  out[3] = wide + half;
  out[4] = wide - half;
  out[5] = in[2];
}

// One channel of up to four filters from j on.
void pack_winograd_square(const Filters& f, int64_t channel, int64_t j, int64_t stride,
                          float* out) {
  const int64_t length = f.channels * kWinogradPositions, lanes = std::min(kLanes, f.used - j);
  Doubles g[3][3]{}, columns[3][6];
  for (int64_t lane = 0; lane < lanes; ++lane)
    for (int64_t i = 0; i < kWinogradPositions; ++i)
      g[i % 3][i / 3][lane] =
          double(element(f.data, (j + lane) * length + channel * kWinogradPositions + i)) *
          double(f.factors[size_t(j + lane)]);
  for (int64_t column = 0; column < 3; ++column) transform(g[column], columns[column]);
  float* to = out + channel * f.width + j;
  for (int64_t i = 0; i < 6; ++i) {
    const Doubles row[3] = {columns[0][i], columns[1][i], columns[2][i]};
    Doubles products[6];
    transform(row, products);
    for (int64_t k = 0; k < 6; ++k, to += stride) {
      const Floats rounded = __builtin_convertvector(products[k], Floats);
      if (lanes == kLanes)
        store(rounded, to);
      else
        std::memcpy(to, &rounded, size_t(lanes) * sizeof(float));
    }
  }
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

void pack_filters(const Filters& f, float* out) {
  const int64_t length = f.channels * f.positions;
  Block block;
  int64_t channel = 0, position = 0;
  for (; block.first < length; block.first += block.count) {
    block.count = std::min(Block::kMost, length - block.first);
    for (int64_t i = 0; i < block.count; ++i) {
      block.row[size_t(i)] = (position * f.channels + channel) * f.width;
      if (++position == f.positions) position = 0, ++channel;
    }
    pack_block(f, block, out);
  }
}

void pack_winograd(const Filters& f, int64_t stride, float* out) {
  constexpr int64_t kChannels = 4;  // two to three cache lines of each filter
  for (int64_t first = 0; first < f.channels; first += kChannels)
    for (int64_t j = 0; j < f.used; j += kLanes)
      for (int64_t channel = first; channel < std::min(first + kChannels, f.channels); ++channel)
        pack_winograd_square(f, channel, j, stride, out);
}

void pack_depthwise(const Filters& f, float* out) {
  for (int64_t j = 0; j < f.used; ++j)
    for (int64_t k = 0; k < f.positions; ++k)
      out[k * f.used + j] = element(f.data, j * f.positions + k) * f.factors[size_t(j)];
}

}  // namespace hone::packing
