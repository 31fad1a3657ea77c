// Small vectors of the baseline instruction set are enough here: what takes time is memory.
#include "passes/packing.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace hone::packing {
namespace {

constexpr int64_t kLanes = 4;
using Floats = float __attribute__((vector_size(16)));

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

// Infinity less infinity is no number.
bool is_nothing(Floats x) { return x[0] == 0 && x[1] == 0 && x[2] == 0 && x[3] == 0; }

// Are all of them finite?
bool pack_block(const Filters& f, const Block& block, float* out) {
  Floats nothing = {};
  float rest = 0;
  const auto put = [&](float x, float* to) {
    *to = x;
    rest += x - x;
  };
  const int64_t length = f.channels * f.positions;
  int64_t j = 0;
  for (; j + kLanes <= f.used; j += kLanes) {
    const std::byte* data = f.data + j * length * int64_t(sizeof(float));
    Floats factor;
    std::memcpy(&factor, f.factors.data() + j, sizeof factor);
    int64_t i = 0;
    for (; i + kLanes <= block.count; i += kLanes) {
      const Square square(data, length, block.first + i);
      for (int64_t k = 0; k < kLanes; ++k) {
        const Floats scaled = square.rows[k] * factor;
        store(scaled, out + block.row[size_t(i + k)] + j);
        nothing += scaled - scaled;
      }
    }
    for (; i < block.count; ++i)
      for (int64_t lane = 0; lane < kLanes; ++lane)
        put(element(data, lane * length + block.first + i) * f.factors[size_t(j + lane)],
            out + block.row[size_t(i)] + j + lane);
  }
  for (; j < f.used; ++j)
    for (int64_t i = 0; i < block.count; ++i)
      put(element(f.data, j * length + block.first + i) * f.factors[size_t(j)],
          out + block.row[size_t(i)] + j);
  return rest == 0 && is_nothing(nothing);
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
  const int64_t length = f.channels * f.positions;
  bool finite = true;
  Block block;
  int64_t channel = 0, position = 0;
  for (; block.first < length; block.first += block.count) {
    block.count = std::min(Block::kMost, length - block.first);
    for (int64_t i = 0; i < block.count; ++i) {
      block.row[size_t(i)] = (position * f.channels + channel) * f.width;
      if (++position == f.positions) position = 0, ++channel;
    }
    finite = pack_block(f, block, out) && finite;
  }
  return finite;
}

void pack_depthwise(const Filters& f, float* out) {
  for (int64_t j = 0; j < f.used; ++j)
    for (int64_t k = 0; k < f.positions; ++k)
      out[k * f.used + j] = element(f.data, j * f.positions + k) * f.factors[size_t(j)];
}

}  // namespace hone::packing
