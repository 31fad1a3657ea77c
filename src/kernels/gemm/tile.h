// The register tile of a matrix product, for the instruction set of the including file.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/gemm/gemm.h"

namespace hone::kernels {
namespace {

// Some rows that are a step apart. Every third row has a pointer, the others are reached from it:
// registers for all of them there are not.
template <int kRows>
struct EvenRows {
  const float* third[(kRows + 2) / 3];
  int64_t step;
  EvenRows(const float* a, int64_t a_row) : step(a_row) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r += 3) third[r / 3] = a + r * a_row;
  }
  Vector all(int row, int64_t k) const { return Vector::all(third[row / 3][row % 3 * step + k]); }
};

// sums += column k of the rows times row k of b.
template <int kRows, int kVectors>
inline void add_product(Vector (&sums)[kRows][kVectors], const EvenRows<kRows>& a, int64_t k,
                        const float* b) {
  Vector row[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) row[v] = Vector::load(b + v * Vector::kWidth);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const Vector x = a.all(r, k);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[r][v] = fma(x, row[v], sums[r][v]);
  }
}

template <int kRows, int kVectors>
inline void clamp_and_store(Vector (&sums)[kRows][kVectors], const Epilogue& e, float* c,
                            int64_t c_row) {
  const bool clip = e.activation == Activation::clip;
  const Vector low = Vector::all(clip ? e.low : 0.0f);
  const Vector high = Vector::all(clip ? e.high : __builtin_inff());
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      constexpr int64_t kW = Vector::kWidth;
      Vector x = sums[r][v];
      if (e.bias) x = x + Vector::load(e.bias + v * kW);
      if (e.added) x = x + Vector::load(e.added + r * e.added_row + v * kW);
      if (e.activation != Activation::none) x = min(high, max(low, x));
      x.store(c + r * c_row + v * kW);
    }
}

// c[kRows][kVectors vectors] (+)= A · B.
template <int kRows, int kVectors>
void multiply(const float* a, int64_t a_row, int64_t depth, const float* b, float* c, int64_t c_row,
              bool add, const Ahead& ahead, const Epilogue* epilogue) {
  constexpr int64_t kW = Vector::kWidth, kLine = 16;
  Vector sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      sums[r][v] = add ? Vector::load(c + r * c_row + v * kW) : Vector::zero();
  const float* next = ahead.next;
  const EvenRows<kRows> rows(a, a_row);
  int64_t k = 0;
  // Counters and jumps are work for the front end, which another thread of the core may share.
  for (; k + kUnrolled <= depth; k += kUnrolled) {
    for (int64_t line = 0; line < ahead.lines; ++line, next += kLine)
      __builtin_prefetch(next, 0, 2);
#pragma GCC unroll 8
    for (int64_t u = 0; u < kUnrolled; ++u, b += kVectors * kW)
      add_product<kRows, kVectors>(sums, rows, k + u, b);
  }
  for (; k < depth; ++k, b += kVectors * kW) add_product<kRows, kVectors>(sums, rows, k, b);
  if (epilogue) return clamp_and_store<kRows, kVectors>(sums, *epilogue, c, c_row);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[r][v].store(c + r * c_row + v * kW);
}

template <int kRows, int kVectors>
void multiply_some(int64_t rows, const float* a, int64_t a_row, int64_t depth, const float* b,
                   float* c, int64_t c_row, bool add, const Ahead& ahead,
                   const Epilogue* epilogue) {
  if (rows == kRows)
    return multiply<kRows, kVectors>(a, a_row, depth, b, c, c_row, add, ahead, epilogue);
  if constexpr (kRows > 1)
    multiply_some<kRows - 1, kVectors>(rows, a, a_row, depth, b, c, c_row, add, ahead, epilogue);
}

template <int kRows, int kVectors>
void tile(const float* a, int64_t a_row, int64_t depth, const float* b, float* c, int64_t c_row,
          int64_t rows, int64_t columns, bool add, const Ahead& ahead, const Epilogue* epilogue) {
  constexpr int64_t kColumns = kVectors * Vector::kWidth;
  if (columns == kColumns)
    return multiply_some<kRows, kVectors>(rows, a, a_row, depth, b, c, c_row, add, ahead, epilogue);
  // The last columns of a matrix go through a full tile of their own.
  float edge[kRows * kColumns];
  if (add)
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < columns; ++j) edge[r * kColumns + j] = c[r * c_row + j];
  multiply_some<kRows, kVectors>(rows, a, a_row, depth, b, edge, kColumns, add, ahead, nullptr);
  if (epilogue) finish_rows(*epilogue, edge, kColumns, rows, columns, 0, epilogue->added);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < columns; ++j) c[r * c_row + j] = edge[r * kColumns + j];
}

}  // namespace
}  // namespace hone::kernels
