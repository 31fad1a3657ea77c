#include "backends/cpu/products.h"

#include <algorithm>

namespace hone::cpu {
namespace {

// How one product is cut: `down` ranges of rows times `across` ranges of panels.
struct Cut {
  int64_t rows, panels;  // of one piece
  int64_t down = 1, across = 1;
  bool shared = false;  // the rows are packed once for all pieces
};

int64_t divided(int64_t n, int64_t by) { return (n + by - 1) / by; }

// What is larger is cut: weights, so that each comes from memory for one thread only, or else rows.
class Cutting {
 public:
  Cutting(const kernels::GemmKernel& kernel, const kernels::Product& p, int64_t wanted,
          int64_t threads)
      : kernel_(kernel),
        p_(p),
        panels_(kernels::panels(kernel, p.n)),
        wanted_(wanted),
        threads_(threads),
        cut_{p.m, panels_} {}

  Cut best() {
    constexpr int64_t kWorthwhile = int64_t{1} << 15;
    if (wanted_ <= 1 || p_.m * p_.n < kWorthwhile / std::max<int64_t>(1, p_.a.depth)) return cut_;
    if (p_.m <= kernels::kThinRows && !p_.a.source) {
      // Panels are read several at a time, and memory decides: a piece for each thread.
      constexpr int64_t kSideBySide = 4;
      cut_.panels = divided(divided(panels_, threads_), kSideBySide) * kSideBySide;
      cut_.across = divided(panels_, cut_.panels);
    } else if (p_.m > p_.n) {
      cut_rows(wanted_);
      if (cut_.down < wanted_) cut_panels(divided(wanted_, cut_.down), least_panels());
    } else if (shares()) {
      cut_panels(wanted_, 1);
      cut_.shared = cut_.across > 1;
    } else {
      cut_panels(wanted_, least_panels());
      if (cut_.across < wanted_) cut_rows(divided(wanted_, cut_.across));
    }
    return cut_;
  }

 private:
  // Is there room to pack all rows at once, and are there panels for all threads, and more than one
  // would have packed for?
  bool shares() const {
    constexpr int64_t kMostFloats = int64_t{1} << 20;
    return panels_ >= 2 * std::max(threads_, kernels::kPackPanels) &&
           p_.m <= kMostFloats / std::max<int64_t>(1, p_.a.depth) && packs(kernel_, p_.a, panels_);
  }
  // Otherwise rows are gathered and packed anew for each piece.
  int64_t least_panels() const { return p_.a.source ? 4 : kernels::kPackPanels; }

  void cut_rows(int64_t pieces) {
    constexpr int64_t kLeastTiles = 2;
    const int64_t tiles = std::max(kLeastTiles, divided(p_.m, pieces * kernel_.rows));
    cut_.rows = tiles * kernel_.rows;
    cut_.down = divided(p_.m, cut_.rows);
  }
  void cut_panels(int64_t pieces, int64_t least) {
    cut_.panels = std::max(std::min(least, panels_), divided(panels_, pieces));
    cut_.across = divided(panels_, cut_.panels);
  }

  const kernels::GemmKernel& kernel_;
  const kernels::Product& p_;
  int64_t panels_, wanted_, threads_;
  Cut cut_;
};

// Packs the rows of all products.
void pack_all(const kernels::PackedBlocks& blocks, std::span<kernels::Product> products, float* to,
              ThreadPool& pool) {
  for (size_t i = 0; i < products.size(); ++i)
    products[i].packed = to + int64_t(i) * blocks.floats();
  const int64_t parts = blocks.parts();
  pool.parallel_for(int64_t(products.size()) * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      blocks.pack(products[size_t(i / parts)].a, i % parts, to + i / parts * blocks.floats());
  });
}

}  // namespace

void multiply_all(std::span<kernels::Product> products, const Call& c, ThreadPool& pool) {
  if (products.empty() || products[0].m == 0) return;
  const kernels::GemmKernel& kernel = kernels::gemm_kernel();
  const int64_t panels = kernels::panels(kernel, products[0].n), m = products[0].m;
  // More pieces than threads: one that is held up keeps the others waiting for a piece at most.
  constexpr int64_t kPieces = 4;
  const auto count = int64_t(products.size());
  const int64_t wanted = pool.size() == 1 ? 1 : divided(kPieces * pool.size(), count);
  const Cut cut = Cutting(kernel, products[0], wanted, pool.size()).best();
  const kernels::PackedBlocks blocks(kernel, m, products[0].a.depth);
  const auto packed = c.scratch<float>(cut.shared ? count * blocks.floats() : 0);
  if (cut.shared) pack_all(blocks, products, packed.data(), pool);
  const int64_t pieces = count * cut.down * cut.across;
  const auto product_of = [&](int64_t piece) -> const kernels::Product& {
    return products[size_t(piece / cut.across / cut.down)];
  };
  const auto panel_of = [&](int64_t piece) { return piece % cut.across * cut.panels; };
  pool.parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t row = piece / cut.across % cut.down * cut.rows, panel = panel_of(piece);
      const kernels::Product& p = product_of(piece);
      kernels::Product part = p.rows(row, std::min(cut.rows, m - row));
      // Pieces of a thread follow one another, and other rows find the weights near.
      if (piece + 1 < pieces && cut.across > 1)
        part.then = product_of(piece + 1).panel(kernel, panel_of(piece + 1));
      multiply(kernel, part, panel, std::min(panel + cut.panels, panels));
    }
  });
}

}  // namespace hone::cpu
