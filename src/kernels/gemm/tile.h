// The register tile of a matrix product, for the instruction set of the including file.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/gemm/gemm.h"

namespace hone::kernels {
namespace {

// c[kRows][kVectors vectors] (+)= A · B.
template <int kRows, int kVectors>
void multiply(const Rows& a, int64_t from, const float* b, float* c, int64_t c_row, bool add) {
  constexpr int64_t kW = Vector::kWidth;
  Vector sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      sums[r][v] = add ? Vector::load(c + r * c_row + v * kW) : Vector::zero();
  for (int64_t position = 0; position < a.positions; ++position) {
    const float* rows[kRows];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) rows[r] = a.pointers[position * a.stride + r] + from;
    // Counters and jumps are work for the front end, which another thread of the core may share.
#pragma GCC unroll 8
    for (int64_t p = 0; p < a.depth; ++p, b += kVectors * kW) {
      Vector row[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) row[v] = Vector::load(b + v * kW);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const Vector x = Vector::all(rows[r][p]);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sums[r][v] = fma(x, row[v], sums[r][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[r][v].store(c + r * c_row + v * kW);
}

template <int kRows, int kVectors>
void multiply_some(int64_t rows, const Rows& a, int64_t from, const float* b, float* c,
                   int64_t c_row, bool add) {
  if (rows == kRows) return multiply<kRows, kVectors>(a, from, b, c, c_row, add);
  if constexpr (kRows > 1) multiply_some<kRows - 1, kVectors>(rows, a, from, b, c, c_row, add);
}

template <int kRows, int kVectors>
void tile(const Rows& a, int64_t from, const float* b, float* c, int64_t c_row, int64_t rows,
          int64_t columns, bool add) {
  constexpr int64_t kColumns = kVectors * Vector::kWidth;
  if (columns == kColumns) return multiply_some<kRows, kVectors>(rows, a, from, b, c, c_row, add);
  // The last columns of a matrix go through a full tile of their own.
  float edge[kRows * kColumns];
  if (add)
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < columns; ++j) edge[r * kColumns + j] = c[r * c_row + j];
  multiply_some<kRows, kVectors>(rows, a, from, b, edge, kColumns, add);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < columns; ++j) c[r * c_row + j] = edge[r * kColumns + j];
}

}  // namespace
}  // namespace hone::kernels
