// What products of block-quantized weights need beside their tiles, with the vectors of the
// including file's instruction set.
#pragma once

#include "kernels/block_gemm/block_gemm.h"
#include "kernels/epilogue.h"
#include "kernels/vector_integers.h"

namespace hone::kernels {
namespace {

// Some elements of a row, zeros behind `count`; the sum of them.
inline int32_t copy_codes(const int8_t* from, int64_t count, int64_t n, int8_t* to) {
  int32_t sum = 0;
  if (count >= n) {
    std::memcpy(to, from, size_t(n));
  } else {
    for (int64_t k = 0; k < n; ++k) to[k] = k < count ? from[k] : int8_t(0);
  }
  for (int64_t k = 0; k < n; ++k) sum += to[k];
  return sum;
}

// One block of a row: its codes in units `step` apart, or in a half of one.
inline int32_t copy_block(const int8_t* from, int64_t count, int64_t rows, int8_t* to,
                          int64_t step) {
  if (rows < kBlockUnit) return copy_codes(from, count, rows, to);
  int32_t sum = 0;
  for (int64_t k = 0; k < rows; k += kBlockUnit, to += step)
    sum += copy_codes(k < count ? from + k : from, count - k, kBlockUnit, to);
  return sum;
}

// Sums over a block of a row go where the kernel wants them.
inline void keep_sum(const BlockWeights& w, const BlockRows& to, int64_t at, int32_t sum,
                     float scale) {
  if (to.begins) to.begins[at] = -w.sum_zero() * sum;
  if (to.lifts) to.lifts[at] = float(sum) * scale;
}

inline void prepare(const QuantizedRows& from, const BlockWeights& w, const BlockRows& to,
                    int64_t tile, int64_t tile_end) {
  const int64_t height = to.height, sums = w.sums(), step = w.sum_rows();
  const int64_t row_blocks = (from.depth + from.block - 1) / from.block;
  for (int64_t i = tile * height; i < tile_end * height; ++i) {
    const int64_t r = i % height, of = i / height;
    const int64_t first = of * w.units() * kBlockUnit * height + r * kBlockUnit;
    for (int64_t b = 0; b < sums; ++b) {
      const int64_t k = b * step;
      const bool some = i < from.m && k < from.depth;
      const int64_t left = some ? from.depth - k : 0;
      const int8_t* row = some ? from.codes + i * from.depth + k : nullptr;
      int8_t* codes = to.codes + first + k / kBlockUnit * kBlockUnit * height + k % kBlockUnit;
      const int32_t sum = copy_block(row, left, w.rows_of_sum(b), codes, height * kBlockUnit);
      const float scale = some ? from.scales[i * row_blocks + k / from.block] : 0;
      const int64_t at = (of * sums + b) * height + r;
      to.scales[at] = scale;
      keep_sum(w, to, at, sum, scale);
    }
  }
}

// A panel of some rows: what the columns of a vector add up to.
struct BlockFinish {
  const Epilogue& e;
  const float* sums;
  int64_t sums_step, rows, row;
  float* y;
  int64_t y_row;
};

template <Activation kActivation, class Lanes>
void finish_blocks(const BlockFinish& f, const Lanes& lanes, int64_t j, int64_t column) {
  const Vector low = Vector::all(f.e.low), high = Vector::all(f.e.high);
  const Vector bias = f.e.bias ? lanes.load(f.e.bias + column) : Vector::zero();
  for (int64_t i = 0; i < f.rows; ++i) {
    Vector x = lanes.load(f.sums + i * f.sums_step + j);
    if (f.e.bias) x = x + bias;
    if (f.e.added) x = x + lanes.load(f.e.added + (f.row + i) * f.e.added_row + column);
    lanes.store(activated<kActivation>(x, low, high), f.y + (f.row + i) * f.y_row + column);
  }
}

void finish(const Epilogue& e, const float* sums, int64_t sums_step, int64_t rows, int64_t row,
            int64_t columns, int64_t column, float* y, int64_t y_row) {
  const BlockFinish f{e, sums, sums_step, rows, row, y, y_row};
  with_activation(e.activation, [&]<Activation kActivation>() {
    each_vector_of(0, columns, [&](const auto& lanes, int64_t j) {
      finish_blocks<kActivation>(f, lanes, j, column + j);
    });
  });
}

}  // namespace
}  // namespace hone::kernels
