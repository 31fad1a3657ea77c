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

// Asks for the block of the next panel while this one is used, a part of it with each tile: weights
// come from memory, and the hardware looks ahead within a page only.
class Ahead {
 public:
  Ahead(const float* next, int64_t floats, int64_t tiles)
      : next_(next), lines_(floats / kLine), tiles_(tiles) {}
  void one_tile_more() {
    for (const int64_t until = lines_ * ++tile_ / tiles_; line_ < until; ++line_)
      __builtin_prefetch(next_ + line_ * kLine, 0, 2);
  }

 private:
  static constexpr int64_t kLine = 16;  // floats
  const float* next_;
  int64_t lines_, tiles_, line_ = 0, tile_ = 0;
};

void multiply_block(const GemmKernel& kernel, const Product& p, const Block& block, int64_t panel,
                    int64_t panel_end) {
  const int64_t depth = p.b_depth > 0 ? p.b_depth : p.a.positions * p.a.depth;
  // Of even height: a last one of a row or two would keep few multiply-adds under way.
  const int64_t tiles = (p.m + kernel.rows - 1) / kernel.rows;
  const bool finish = block.last && !p.epilogue.empty();
  for (int64_t j = panel; j < panel_end; ++j) {
    const int64_t column = j * kernel.columns, columns = std::min(kernel.columns, p.n - column);
    const float* b = p.b + (j * depth + block.k) * kernel.columns;
    const int64_t floats =
        j + 1 < panel_end ? block.a.positions * block.a.depth * kernel.columns : 0;
    Ahead ahead(b + depth * kernel.columns, floats, tiles);
    for (int64_t t = 0; t < tiles; ++t) {
      ahead.one_tile_more();
      const int64_t r = p.m * t / tiles, rows = p.m * (t + 1) / tiles - r;
      Rows a = block.a;
      a.pointers += r;
      float* c = p.c + r * p.c_row + column;
      kernel.tile(a, block.from, b, c, p.c_row, rows, columns, block.k > 0);
      // While the tile is near.
      if (finish) kernel.finish(p.epilogue, c, p.c_row, rows, columns, column, p.added(r, column));
    }
  }
}

// As many whole pieces as make a block, or even parts of one piece.
void multiply_rows(const GemmKernel& kernel, const Product& p, int64_t panel, int64_t panel_end) {
  const int64_t depth = p.a.depth, total = p.a.positions * depth;
  const int64_t blocks = std::max<int64_t>(1, (depth + kBlockDepth - 1) / kBlockDepth);
  constexpr int64_t kUnrolled = 8;
  const int64_t part = (depth + blocks * kUnrolled - 1) / (blocks * kUnrolled) * kUnrolled;
  const int64_t step =
      std::clamp<int64_t>(kBlockDepth / std::max<int64_t>(1, depth), 1, p.a.positions);
  Block block;
  for (int64_t position = 0; position < p.a.positions; position += step) {
    block.a = p.a;
    block.a.pointers += position * p.a.stride;
    block.a.positions = std::min(step, p.a.positions - position);
    for (block.from = 0; block.from < depth || depth == 0; block.from += part) {
      block.a.depth = std::min(part, depth - block.from);
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
