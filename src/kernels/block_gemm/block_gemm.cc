#include "kernels/block_gemm/block_gemm.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>

#include "kernels/conversions/conversions.h"
#include "kernels/entered.h"
#include "kernels/instruction_set.h"

namespace hone::kernels {

const BlockGemmKernel& block_gemm_kernel([[maybe_unused]] int64_t m,
                                         [[maybe_unused]] bool in_runs) {
#if defined(__x86_64__)
  // Measured: a tile of 16 rows takes as long as dot products for eight.
  constexpr int64_t kWorthTiles = 8;
  switch (instruction_set()) {
    case InstructionSet::amx:
      if (m <= kWorthTiles) return kBlockGemmAvx512Vnni;
      return in_runs ? kBlockGemmAmxRuns : kBlockGemmAmx;
    case InstructionSet::avx512vnni: return kBlockGemmAvx512Vnni;
    case InstructionSet::avx2vnni: return kBlockGemmAvx2Vnni;
    case InstructionSet::avx512:
    case InstructionSet::avx2: return kBlockGemmAvx2;
    case InstructionSet::portable: break;
  }
#endif
  return kBlockGemmPortable;
}

int64_t tile_height(const BlockGemmKernel& kernel, int64_t m) {
  if (kernel.whole_tiles || m == 0) return kernel.rows;
  const int64_t tiles = (m + kernel.rows - 1) / kernel.rows;
  return (m + tiles - 1) / tiles;
}

BlockRowSizes row_sizes(const BlockGemmKernel& kernel, const BlockWeights& w, int64_t m) {
  BlockRowSizes s{};
  s.height = tile_height(kernel, m);
  s.tiles = (m + s.height - 1) / s.height;
  const int64_t rows = s.tiles * s.height;
  s.codes = rows * kernel.units(w) * kernel.unit_rows;
  s.scales = rows * w.sums();
  s.begins = w.sum_zero() == 0 || kernel.centres ? 0 : s.scales;
  s.lifts = w.minima.at ? s.scales : 0;
  return s;
}

namespace {

// Of a column at a time, at most: a panel stays in the first-level caches while rows pass by.
constexpr int64_t kPartRows = 2048;

class Multiplication {
 public:
  Multiplication(const BlockGemmKernel& kernel, const BlockProduct& p)
      : kernel_(kernel),
        p_(p),
        w_(p.weights),
        height_(p.rows.height),
        units_(kernel.units(p.weights)),
        part_(std::clamp<int64_t>(kPartRows / w_.sum_rows(), kLeast, whole_sums())) {}

  void run(int64_t panel, int64_t panel_end) {
    // One chain of products over all blocks, whatever is computed at a time.
    if (kernel_.thin && p_.m <= kThinBlockRows) return run_thin(panel, panel_end);
    const int64_t tile_bytes = height_ * std::max<int64_t>(1, w_.units()) * kBlockUnit;
    const int64_t most = std::max<int64_t>(1, kBlockRowBytes / tile_bytes);
    allocate(std::max(kTiles, std::min(most, p_.rows.tiles)));
    for (int64_t tile = 0; tile < p_.rows.tiles; tile += most)
      for (int64_t j = panel; j < panel_end; j += kernel_.panels)
        run_tiles(tile, std::min(tile + most, p_.rows.tiles), j, panel_end);
  }

 private:
  static constexpr int64_t kLeast = 2;  // blocks or runs of a part: whole units of halves
  static constexpr int64_t kTiles = 4;  // of rows, at a time
  int64_t whole_sums() const { return std::max(kLeast, w_.sums() + w_.sums() % 2); }
  // Of bytes of codes, and of what the kernel makes of them.
  int64_t part_bytes() const {
    const int64_t rows = part_ * w_.sum_rows(), unit = kernel_.unit_rows;
    return (rows + unit - 1) / unit * unit * kBlockPanel;
  }

  // All in one piece of memory, aligned to cache lines.
  void allocate(int64_t tiles) {
    const int64_t bytes = kernel_.panels * part_bytes();
    const int64_t scales = kernel_.panels * part_ * kBlockPanel;
    const int64_t sums = tiles * height_ * kernel_.panels * kBlockPanel;
    memory_.reset(new (std::align_val_t{64})
                      std::byte[size_t(bytes) + size_t(2 * scales + sums) * sizeof(float)]);
    expanded_ = reinterpret_cast<uint8_t*>(memory_.get());
    scales_ = reinterpret_cast<float*>(expanded_ + bytes);
    minima_ = scales_ + scales;
    sums_ = minima_ + scales;
    // Without blocks nobody writes them.
    if (w_.blocks == 0) std::fill_n(sums_, sums, 0.0f);
  }

  // Where scales lie as f32: expanded, or where they are.
  const float* widened(const BlockScales& s, int64_t panel, int64_t sum, int64_t sums,
                       float* to) const {
    const int64_t at = (panel * w_.sums() + sum) * kBlockPanel;
    if (!s.half) return static_cast<const float*>(s.at) + at;
    conversion_kernels().f16_to_f32(static_cast<const uint16_t*>(s.at) + at, to,
                                    sums * kBlockPanel);
    return to;
  }

  // Blocks or runs of the tile, from `sum` on.
  void expand(BlockTile& t, int64_t panel, int64_t sum) {
    t.centred = kernel_.centres && w_.sum_zero() != 0;
    t.panel_step = part_bytes();
    t.b = expanded_;
    t.scales_step = (w_.scales.half ? part_ : w_.sums()) * kBlockPanel;
    for (int64_t p = 0; p < t.panels; ++p) {
      expand_codes(t, panel + p, sum * w_.sum_rows(), expanded_ + p * t.panel_step);
      const int64_t to = p * part_ * kBlockPanel;
      const float* scales = widened(w_.scales, panel + p, sum, t.blocks, scales_ + to);
      const float* minima =
          w_.minima.at ? widened(w_.minima, panel + p, sum, t.blocks, minima_ + to) : nullptr;
      if (p == 0) t.scales = scales, t.minima = minima;
    }
  }

  void expand_codes(const BlockTile& t, int64_t panel, int64_t row, uint8_t* to) const {
    const int64_t unit = panel * w_.units() + row / kBlockUnit, block = row / w_.block_rows;
    BlockExpansion e{w_.codes + unit * w_.unit_bytes(), w_.bits, w_.lookup};
    e.units = (t.rows + kBlockUnit - 1) / kBlockUnit;
    e.to = to;
    const BlockLevels& levels = w_.levels;
    if (!levels.none() || t.centred) e.less = uint8_t(w_.zero);
    if (!levels.none()) {
      const int64_t at = (panel * w_.blocks + block) * kBlockPanel;
      e.levels.fine = levels.fine ? levels.fine + at : nullptr;
      e.levels.shifted = levels.shifted ? levels.shifted + at : nullptr;
      e.blocks = w_.blocks - block;
      e.block_rows = w_.block_rows;
      e.turn = t.centred ? 0 : 0x80;
    }
    kernel_.expand(e);
  }

  // Weights come from memory, and the hardware looks ahead within a page only: `count` parts of
  // `parts` of what the panels behind these need.
  void ask_for_next(int64_t panel, int64_t part, int64_t count, int64_t parts) const {
    constexpr int64_t kLine = 64;
    const int64_t bytes = w_.units() * w_.unit_bytes() * kernel_.panels;
    const int64_t lines = (bytes / kLine + parts - 1) / parts;
    const uint8_t* at = w_.codes + panel * w_.units() * w_.unit_bytes() + part * lines * kLine;
    const uint8_t* end = w_.codes + w_.panels() * w_.units() * w_.unit_bytes();
    for (int64_t i = 0; i < lines * count && at < end; ++i, at += kLine)
      __builtin_prefetch(at, 0, 2);
    if (part > 0 || panel >= w_.panels()) return;
    ask_for_scales(w_.scales, panel);
    const BlockLevels& levels = w_.levels;
    if (levels.fine) ask_for_bytes(levels.fine, panel, w_.blocks * kBlockPanel);
    if (levels.shifted) ask_for_bytes(levels.shifted, panel, w_.blocks * kBlockPanel * 2);
    if (w_.minima.at) ask_for_scales(w_.minima, panel);
  }

  void ask_for_scales(const BlockScales& s, int64_t panel) const {
    ask_for_bytes(s.at, panel, w_.sums() * kBlockPanel * (s.half ? 2 : 4));
  }
  static void ask_for_bytes(const void* from, int64_t panel, int64_t bytes) {
    constexpr int64_t kLine = 64;
    const auto* at = static_cast<const uint8_t*>(from) + panel * bytes;
    for (int64_t i = 0; i < bytes; i += kLine) __builtin_prefetch(at + i, 0, 2);
  }

  void run_tiles(int64_t tile, int64_t tile_end, int64_t panel, int64_t panel_end) {
    BlockTile t;
    t.panels = std::min(kernel_.panels, panel_end - panel);
    t.height = height_;
    t.block_rows = w_.sum_rows();
    t.nibbles = w_.bits <= 4 && !w_.lookup && !w_.in_runs;
    t.sums_step = kernel_.panels * kBlockPanel;
    std::array<BlockTile, size_t(kTiles)> some;
    const int64_t all = w_.sums();
    const bool whole = part_ >= all;
    const int64_t column = panel * kBlockPanel;
    const int64_t columns = std::min(t.panels * kBlockPanel, w_.columns - column);
    for (int64_t block = 0; block == 0 || block < all; block += part_) {
      t.blocks = std::min(part_, all - block);
      t.rows = std::min(t.blocks * t.block_rows, w_.blocks * w_.block_rows - block * t.block_rows);
      expand(t, panel, block);
      t.add = block > 0;
      for (int64_t i = tile; i < tile_end; i += kTiles) {
        const int64_t count = std::min(kTiles, tile_end - i);
        for (int64_t j = 0; j < count; ++j) {
          some[size_t(j)] = t;
          place(some[size_t(j)], i + j, block, whole ? j : i + j - tile);
          if (block + part_ >= all) place_results(some[size_t(j)], i + j, columns, column);
        }
        kernel_.tiles(some.data(), count);
        if (block == 0) ask_for_next(panel + kernel_.panels, i - tile, count, tile_end - tile);
        if (block + part_ < all) continue;
        for (int64_t j = 0; j < count; ++j)
          if (!some[size_t(j)].y) finish(some[size_t(j)].sums, t.sums_step, i + j, columns, column);
      }
    }
  }

  // Where a tile of rows reads and writes, from this block on.
  void place(BlockTile& t, int64_t tile, int64_t block, int64_t sums) const {
    const int64_t at = (tile * w_.sums() + block) * height_;
    t.a = p_.rows.codes + (tile * units_ * kernel_.unit_rows + block * w_.sum_rows()) * height_;
    t.a_scales = p_.rows.scales + at;
    t.begins = p_.rows.begins ? p_.rows.begins + at : nullptr;
    t.lifts = p_.rows.lifts ? p_.rows.lifts + at : nullptr;
    t.sums = sums_ + sums * height_ * t.sums_step;
  }

  // Whole tiles go to their results as they are, or with a residual.
  void place_results(BlockTile& t, int64_t tile, int64_t columns, int64_t column) const {
    const Epilogue& e = p_.epilogue;
    const int64_t row = tile * height_;
    if (!kernel_.finishes || w_.blocks == 0 || e.activation != Activation::none || e.bias ||
        columns < t.panels * kBlockPanel || row + height_ > p_.m)
      return;
    t.y = p_.y + row * p_.y_row + column;
    t.y_row = p_.y_row;
    t.added = e.added ? e.added + row * e.added_row + column : nullptr;
    t.added_row = e.added_row;
  }

  void run_thin(int64_t panel, int64_t panel_end) {
    constexpr int64_t kAtOnce = 8;
    float sums[kThinBlockRows * kAtOnce * kBlockPanel];
    constexpr int64_t kStep = kAtOnce * kBlockPanel;
    const int64_t scales = w_.sums() * kBlockPanel;
    const bool as_words = !w_.levels.none();
    const int64_t pairs = as_words ? w_.units() * kBlockUnit / 2 * height_ : 0;
    const int64_t totals = as_words ? w_.blocks * height_ : 0;
    memory_.reset(new (std::align_val_t{64})
                      std::byte[size_t(2 * scales + pairs + totals) * sizeof(float)]);
    ThinBlocks t{&w_, p_.rows};
    t.sums = sums, t.sums_step = kStep;
    t.scales = reinterpret_cast<float*>(memory_.get());
    t.minima = t.scales + scales;
    t.pairs = reinterpret_cast<int32_t*>(t.minima + scales);
    t.totals = t.pairs + pairs;
    kernel_.prepare_thin(t);
    for (t.panel = panel; t.panel < panel_end; t.panel += kAtOnce) {
      t.panels = std::min(kAtOnce, panel_end - t.panel);
      kernel_.thin(t);
      const int64_t column = t.panel * kBlockPanel;
      finish(sums, kStep, 0, std::min(t.panels * kBlockPanel, w_.columns - column), column);
    }
  }

  void finish(const float* sums, int64_t sums_step, int64_t tile, int64_t columns,
              int64_t column) const {
    const int64_t row = tile * height_, rows = std::min(height_, p_.m - row);
    kernel_.finish(p_.epilogue, sums, sums_step, rows, row, columns, column, p_.y, p_.y_row);
  }

  struct Free {
    void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{64}); }
  };
  const BlockGemmKernel& kernel_;
  const BlockProduct& p_;
  const BlockWeights& w_;
  int64_t height_, units_;  // of rows: of a tile, of one
  int64_t part_;            // blocks or runs
  std::unique_ptr<std::byte[], Free> memory_;
  uint8_t* expanded_ = nullptr;
  float *scales_ = nullptr, *minima_ = nullptr, *sums_ = nullptr;
};

}  // namespace

void multiply(const BlockGemmKernel& kernel, const BlockProduct& product, int64_t panel,
              int64_t panel_end) {
  if (product.m == 0 || panel >= panel_end) return;
  const Entered entered(kernel);
  Multiplication(kernel, product).run(panel, panel_end);
}

}  // namespace hone::kernels
