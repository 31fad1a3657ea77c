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

// What to ask for while one tile of a block is computed: weights come from memory, and the hardware
// looks ahead within a page only. The next panel's block is as large as this one, and comes in
// equal parts.
Ahead ahead_of(const GemmKernel& kernel, const Block& block, const float* next, int64_t tile,
               int64_t tiles) {
  constexpr int64_t kLine = 16;  // floats
  const int64_t steps = block.a.positions * (block.a.depth / kUnrolled);
  const int64_t lines = block.a.positions * block.a.depth * kernel.columns / kLine;
  if (!next || steps == 0) return {};
  const int64_t each = (lines + steps * tiles - 1) / (steps * tiles), first = tile * steps * each;
  // The last tiles may have nothing left to ask for.
  return first + steps * each <= lines + steps ? Ahead{next + first * kLine, each} : Ahead{};
}

void multiply_block(const GemmKernel& kernel, const Product& p, const Block& block, int64_t panel,
                    int64_t panel_end) {
  const int64_t depth = p.b_depth > 0 ? p.b_depth : p.a.positions * p.a.depth;
  // Of even height: a last one of a row or two would keep few multiply-adds under way.
  const int64_t tiles = (p.m + kernel.rows - 1) / kernel.rows;
  const bool finish = block.last && !p.epilogue.empty();
  for (int64_t j = panel; j < panel_end; ++j) {
    const int64_t column = j * kernel.columns, columns = std::min(kernel.columns, p.n - column);
    const float* b = p.b + (j * depth + block.k) * kernel.columns;
    const float* next = j + 1 < panel_end ? b + depth * kernel.columns : nullptr;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t r = p.m * t / tiles, rows = p.m * (t + 1) / tiles - r;
      float* c = p.c + r * p.c_row + column;
      Epilogue e = p.epilogue;
      if (e.bias) e.bias += column;
      e.added = p.added(r, column);
      kernel.tile(block.a.from(r), block.from, b, c, p.c_row, rows, columns, block.k > 0,
                  ahead_of(kernel, block, next, t, tiles), finish && e.clamps() ? &e : nullptr);
      // While the tile is near.
      if (finish && !e.clamps()) kernel.finish(e, c, p.c_row, rows, columns, 0, e.added);
    }
  }
}

// As many whole pieces as make a block, or even parts of one piece.
void multiply_rows(const GemmKernel& kernel, const Product& p, int64_t panel, int64_t panel_end) {
  const int64_t depth = p.a.depth, total = p.a.positions * depth;
  const int64_t blocks = std::max<int64_t>(1, (depth + kBlockDepth - 1) / kBlockDepth);
  const int64_t part = (depth + blocks * kUnrolled - 1) / (blocks * kUnrolled) * kUnrolled;
  const int64_t step =
      std::clamp<int64_t>(kBlockDepth / std::max<int64_t>(1, depth), 1, p.a.positions);
  Block block;
  for (int64_t position = 0; position < p.a.positions; position += step) {
    block.a = p.a;
    if (block.a.pointers) block.a.pointers += position * p.a.stride;
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
