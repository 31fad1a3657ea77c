#include "backends/cpu/products.h"

#include <algorithm>

namespace hone::cpu {
namespace {

// How one product is cut: `down` ranges of rows times `across` ranges of panels.
struct Cut {
  int64_t rows, panels;  // of one piece
  int64_t down = 1, across = 1;
};

int64_t divided(int64_t n, int64_t by) { return (n + by - 1) / by; }

// What is larger is cut: weights, so that each comes from memory for one thread only, or else rows.
Cut cut(const kernels::Product& p, int64_t panels, int64_t tile_rows, int64_t wanted,
        int64_t threads) {
  Cut c{p.m, panels};
  constexpr int64_t kWorthwhile = int64_t{1} << 15;
  if (wanted <= 1 || p.m * p.n < kWorthwhile / std::max<int64_t>(1, p.a.depth)) return c;
  const auto cut_rows = [&](int64_t pieces) {
    constexpr int64_t kLeastTiles = 2;
    const int64_t tiles = std::max(kLeastTiles, divided(p.m, pieces * tile_rows));
    c.rows = tiles * tile_rows;
    c.down = divided(p.m, c.rows);
  };
  const auto cut_panels = [&](int64_t pieces) {
    // Rows are gathered and packed anew for each piece.
    const int64_t least = std::min(p.a.source ? 4 : kernels::kPackPanels, panels);
    c.panels = std::max(least, divided(panels, pieces));
    c.across = divided(panels, c.panels);
  };
  if (p.m <= kernels::kThinRows && !p.a.source) {
    // Panels are read several at a time, and memory decides: a piece for each thread.
    constexpr int64_t kSideBySide = 4;
    c.panels = divided(divided(panels, threads), kSideBySide) * kSideBySide;
    c.across = divided(panels, c.panels);
    return c;
  }
  if (p.m > p.n) {
    cut_rows(wanted);
    if (c.down < wanted) cut_panels(divided(wanted, c.down));
  } else {
    cut_panels(wanted);
    if (c.across < wanted) cut_rows(divided(wanted, c.across));
  }
  return c;
}

}  // namespace

void multiply_all(std::span<const kernels::Product> products, ThreadPool& pool) {
  if (products.empty()) return;
  const kernels::GemmKernel& kernel = kernels::gemm_kernel();
  const int64_t panels = kernels::panels(kernel, products[0].n), m = products[0].m;
  // More pieces than threads: one that is held up keeps the others waiting for a piece at most.
  constexpr int64_t kPieces = 4;
  const auto count = int64_t(products.size());
  const int64_t wanted = pool.size() == 1 ? 1 : divided(kPieces * pool.size(), count);
  const Cut c = cut(products[0], panels, kernel.rows, wanted, pool.size());
  const int64_t pieces = count * c.down * c.across;
  const auto product_of = [&](int64_t piece) -> const kernels::Product& {
    return products[size_t(piece / c.across / c.down)];
  };
  const auto panel_of = [&](int64_t piece) { return piece % c.across * c.panels; };
  pool.parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t row = piece / c.across % c.down * c.rows, panel = panel_of(piece);
      const kernels::Product& p = product_of(piece);
      kernels::Product part = p.rows(row, std::min(c.rows, m - row));
      // Pieces of a thread follow one another.
      if (piece + 1 < pieces) part.then = product_of(piece + 1).panel(kernel, panel_of(piece + 1));
      multiply(kernel, part, panel, std::min(panel + c.panels, panels));
    }
  });
}

}  // namespace hone::cpu
