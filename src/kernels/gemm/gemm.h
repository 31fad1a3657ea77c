// Matrix products of floats whose right-hand matrix has been packed.
//
// C[m,n] = A[m,k] · B[k,n]. B is packed into panels [ceil(n / width)][k][width], as wide as the
// register tile of the instruction set, zeros in the columns beyond n. The rows of A are a step
// apart, or lie where pointers say: a convolution is a product whose rows are made of pieces of its
// input, one for each position of its kernel, and nothing has to be copied for it (M. Dukhan, "The
// Indirect Convolution Algorithm", 2019, arXiv:1907.02129). k is summed in blocks, in order, so
// that a result depends neither on the number of threads nor on the other rows and columns.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace hone::kernels {

// Rows of A: row r is made of `positions` pieces of `depth` floats each. Piece p begins at
// pointers[p * stride + r], or, where pointers is null, at first + r * step and is the only one.
struct Rows {
  const float* const* pointers = nullptr;
  int64_t stride = 0;
  const float* first = nullptr;
  int64_t step = 0;
  int64_t positions = 1;
  int64_t depth = 0;

  static Rows every(int64_t step, const float* first, int64_t depth) {
    return {nullptr, 0, first, step, 1, depth};
  }
  Rows from(int64_t row) const {
    Rows rest = *this;
    if (pointers)
      rest.pointers += row;
    else
      rest.first += row * step;
    return rest;
  }
};

// What comes into the cache while a tile is computed: `lines` cache lines for every kUnrolled
// multiply-adds of an element, from `next` on.
struct Ahead {
  const float* next = nullptr;
  int64_t lines = 0;
};
inline constexpr int64_t kUnrolled = 8;

// What one instruction set offers. Sizes in elements.
struct GemmKernel {
  int64_t rows, columns;  // of the register tile
  // One register tile: c[rows][columns], `c_row` apart, added to if `add`. Of each piece of a row
  // the floats from `from` on, a.depth of them; b: [positions * depth][tile columns]. An epilogue,
  // if there is one, has bias and summand of this tile and is clamps() or does nothing more.
  void (*tile)(const Rows& a, int64_t from, const float* b, float* c, int64_t c_row, int64_t rows,
               int64_t columns, bool add, const Ahead& ahead, const Epilogue* epilogue);
  // The epilogue of columns [column, column + columns) of some rows of C, from c on.
  void (*finish)(const Epilogue& epilogue, float* c, int64_t c_row, int64_t rows, int64_t columns,
                 int64_t column, const float* added);
};

// By instruction set.
extern const GemmKernel kGemmPortable;
#if defined(__x86_64__)
extern const GemmKernel kGemmAvx2;
extern const GemmKernel kGemmAvx512;
#endif

// The best one for the CPU that runs this.
const GemmKernel& gemm_kernel();

// Of k at a time, at most: a panel's block stays in the L1 cache while all rows pass by. C is read
// and written again for each block, which costs less.
inline constexpr int64_t kBlockDepth = 384;
inline constexpr int64_t kPanelGroup =
    16;  // panels at a time: their part of C stays in the L2 cache
inline constexpr int64_t kRowBlock = 168;  // rows at a time: and their part of A

// Panels of a packed matrix with n columns.
inline int64_t panels(const GemmKernel& kernel, int64_t n) {
  return (n + kernel.columns - 1) / kernel.columns;
}

struct Product {
  Rows a;                    // of all the rows
  const float* b = nullptr;  // packed
  int64_t b_depth = 0;       // rows of b that a panel holds: at least k; 0 for k
  float* c = nullptr;        // element [i,j] at i * c_row + j
  int64_t c_row = 0;
  int64_t m = 0, n = 0;
  Epilogue epilogue = {};

  // Where the summand of element [row, column] lies; null without one.
  const float* added(int64_t row, int64_t column) const {
    return epilogue.added ? epilogue.added + row * epilogue.added_row + column : nullptr;
  }
  // The part with rows [first, first + count).
  Product rows(int64_t first, int64_t count) const {
    Product part = *this;
    part.m = count;
    part.a = a.from(first);
    part.c += first * c_row;
    if (part.epilogue.added) part.epilogue.added += first * epilogue.added_row;
    return part;
  }
};

// The panels [panel, panel_end) of the product, on this thread.
void multiply(const GemmKernel& kernel, const Product& product, int64_t panel, int64_t panel_end);

}  // namespace hone::kernels
