#include "kernels/gemm/gemm.h"

#include <algorithm>

#include "kernels/instruction_set.h"

namespace hone::kernels {

const GemmKernel& gemm_kernel() {
#if defined(__x86_64__)
  static const GemmKernel& best = best_of(kGemmPortable, kGemmAvx2, kGemmAvx512);
  return best;
#else
  return kGemmPortable;
#endif
}

namespace {

// A block of k: some floats of some pieces of the rows.
struct Block {
  Rows a;
  int64_t from = 0;  // in each piece
  int64_t k = 0;     // before it
  bool last = false;
};

void multiply_block(const GemmKernel& kernel, const Product& p, const Block& block, int64_t panel,
                    int64_t panel_end) {
  const int64_t depth = p.b_depth > 0 ? p.b_depth : p.a.positions * p.a.depth;
  for (int64_t j = panel; j < panel_end; ++j) {
    const int64_t column = j * kernel.columns, columns = std::min(kernel.columns, p.n - column);
    const float* b = p.b + (j * depth + block.k) * kernel.columns;
    for (int64_t r = 0; r < p.m; r += kernel.rows) {
      Rows a = block.a;
      a.pointers += r;
      const int64_t rows = std::min(kernel.rows, p.m - r);
      kernel.tile(a, block.from, b, p.c + r * p.c_row + column, p.c_row, rows, columns,
                  block.k > 0);
    }
    if (block.last && !p.epilogue.empty())
      kernel.finish(p.epilogue, p.c + column, p.c_row, p.m, columns, column,
                    p.epilogue.added ? p.epilogue.added + column : nullptr);
  }
}

// As many whole pieces as make a block, or parts of one piece.
void multiply_rows(const GemmKernel& kernel, const Product& p, int64_t panel, int64_t panel_end) {
  const int64_t depth = p.a.depth, total = p.a.positions * depth;
  const int64_t step =
      std::clamp<int64_t>(kBlockDepth / std::max<int64_t>(1, depth), 1, p.a.positions);
  Block block;
  for (int64_t position = 0; position < p.a.positions; position += step) {
    block.a = p.a;
    block.a.pointers += position * p.a.stride;
    block.a.positions = std::min(step, p.a.positions - position);
    for (block.from = 0; block.from < depth || depth == 0; block.from += kBlockDepth) {
      block.a.depth = std::min(kBlockDepth, depth - block.from);
      block.k = position * depth + block.from;
      block.last = block.k + block.a.positions * block.a.depth == total;
      multiply_block(kernel, p, block, panel, panel_end);
      if (depth == 0) return;
    }
  }
}

}  // namespace

void multiply(const GemmKernel& kernel, const Product& product, int64_t panel, int64_t panel_end) {
  for (int64_t row = 0; row < product.m; row += kRowBlock) {
    const Product p = product.rows(row, std::min(kRowBlock, product.m - row));
    for (int64_t j = panel; j < panel_end; j += kPanelGroup)
      multiply_rows(kernel, p, j, std::min(j + kPanelGroup, panel_end));
  }
}

}  // namespace hone::kernels
