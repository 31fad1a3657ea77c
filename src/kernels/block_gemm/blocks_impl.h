// What products of block-quantized weights need beside their tiles, with the vectors of the
// including file's instruction set.
#pragma once

#include "kernels/block_gemm/block_gemm.h"
#include "kernels/epilogue.h"
#include "kernels/vector_integers.h"

namespace hone::kernels {
namespace {

// One block of a row: its codes in units `step` apart, zeros behind `count`; the sum of them.
inline int32_t copy_block(const int8_t* from, int64_t count, int64_t units, int8_t* to,
                          int64_t step) {
  int32_t sum = 0;
  for (int64_t u = 0; u < units; ++u, to += step, from += kBlockUnit, count -= kBlockUnit) {
    if (count >= kBlockUnit) {
      std::memcpy(to, from, size_t(kBlockUnit));
    } else {
      for (int64_t k = 0; k < kBlockUnit; ++k) to[k] = k < count ? from[k] : int8_t(0);
    }
    for (int64_t k = 0; k < kBlockUnit; ++k) sum += to[k];
  }
  return sum;
}

void prepare(const QuantizedRows& from, const BlockWeights& w, const BlockRows& to, int64_t tile,
             int64_t tile_end) {
  const int64_t height = to.height, block = w.block_units * kBlockUnit;
  for (int64_t i = tile * height; i < tile_end * height; ++i) {
    const int64_t r = i % height;
    for (int64_t b = 0; b < w.blocks; ++b) {
      const int64_t at = (i / height * w.blocks + b) * height + r;
      int8_t* codes = to.codes + (i / height * w.blocks + b) * block * height + r * kBlockUnit;
      const bool some = i < from.m;
      const int64_t left = some ? from.depth - b * block : 0;
      const int8_t* row = some ? from.codes + i * from.depth + b * block : nullptr;
      const int32_t sum = copy_block(row, left, w.block_units, codes, height * kBlockUnit);
      const float scale = some ? from.scales[i * w.blocks + b] : 0;
      to.scales[at] = scale;
      if (to.begins) to.begins[at] = -w.zero * sum;
      if (to.lifts) to.lifts[at] = float(sum) * scale;
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
