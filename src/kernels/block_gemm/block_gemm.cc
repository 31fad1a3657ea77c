#include "kernels/block_gemm/block_gemm.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include "kernels/conversions/conversions.h"
#include "kernels/entered.h"
#include "kernels/instruction_set.h"

namespace hone::kernels {

const BlockGemmKernel& block_gemm_kernel([[maybe_unused]] int64_t m) {
#if defined(__x86_64__)
  // Measured: a tile of 16 rows takes as long as dot products for eight.
  constexpr int64_t kWorthTiles = 8;
  switch (instruction_set()) {
    case InstructionSet::amx: return m > kWorthTiles ? kBlockGemmAmx : kBlockGemmAvx512Vnni;
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

namespace {

// Of a column at a time, at most: a panel stays in the first-level cache while rows pass by.
constexpr int64_t kPartUnits = 1024 / kBlockUnit;
// Of the rows that all panels pass by: they stay in the second-level cache.
constexpr int64_t kRowBytes = int64_t{1} << 20;

class Multiplication {
 public:
  Multiplication(const BlockGemmKernel& kernel, const BlockProduct& p)
      : kernel_(kernel),
        p_(p),
        w_(p.weights),
        height_(p.rows.height),
        part_(
            std::clamp<int64_t>(kPartUnits / w_.block_units, 1, std::max<int64_t>(1, w_.blocks))) {}

  void run(int64_t panel, int64_t panel_end) {
    if (kernel_.thin && p_.m <= kThinBlockRows) return run_thin(panel, panel_end);
    const int64_t tile_bytes = height_ * std::max<int64_t>(1, w_.units()) * kBlockUnit;
    const int64_t most = std::max<int64_t>(1, kRowBytes / tile_bytes);
    allocate(std::min(most, p_.rows.tiles));
    for (int64_t tile = 0; tile < p_.rows.tiles; tile += most)
      for (int64_t j = panel; j < panel_end; j += kernel_.panels)
        run_tiles(tile, std::min(tile + most, p_.rows.tiles), j, panel_end);
  }

 private:
  // All in one piece of memory, aligned to cache lines.
  void allocate(int64_t tiles) {
    const int64_t bytes = kernel_.panels * part_ * w_.block_units * kUnitBytes;
    const int64_t scales = kernel_.panels * part_ * kBlockPanel;
    const int64_t sums = tiles * height_ * kernel_.panels * kBlockPanel;
    memory_.reset(new (std::align_val_t{64})
                      std::byte[size_t(bytes) + size_t(2 * scales + sums) * sizeof(float)]);
    expanded_ = reinterpret_cast<uint8_t*>(memory_.get());
    scales_ = reinterpret_cast<float*>(expanded_ + bytes);
    minima_ = scales_ + scales;
    sums_ = minima_ + scales;
  }

  // Where the scales of these blocks lie as f32: expanded, or where they are.
  const float* widened(const void* all, int64_t panel, int64_t block, int64_t blocks, float* to) {
    const int64_t at = (panel * w_.blocks + block) * kBlockPanel;
    if (!w_.half) return static_cast<const float*>(all) + at;
    conversion_kernels().f16_to_f32(static_cast<const uint16_t*>(all) + at, to,
                                    blocks * kBlockPanel);
    return to;
  }

  void expand(BlockTile& t, int64_t panel, int64_t block) {
    t.centred = kernel_.centres && w_.zero != 0;
    t.panel_step = part_ * w_.block_units * kUnitBytes;
    t.scales_step = w_.half ? part_ * kBlockPanel : w_.blocks * kBlockPanel;
    t.b = expanded_;
    for (int64_t p = 0; p < t.panels; ++p) {
      const int64_t unit = (panel + p) * w_.units() + block * w_.block_units;
      kernel_.expand({w_.codes + unit * w_.unit_bytes(), w_.nibbles,
                      uint8_t(t.centred ? w_.zero : 0), t.blocks * w_.block_units,
                      expanded_ + p * t.panel_step});
      const int64_t to = p * part_ * kBlockPanel;
      const float* scales = widened(w_.scales, panel + p, block, t.blocks, scales_ + to);
      const float* minima =
          w_.minima ? widened(w_.minima, panel + p, block, t.blocks, minima_ + to) : nullptr;
      if (p == 0) t.scales = scales, t.minima = minima;
    }
  }

  // Weights come from memory, and the hardware looks ahead within a page only: part `part` of
  // `parts` of what the panels behind these need.
  void ask_for_next(int64_t panel, int64_t part, int64_t parts) const {
    constexpr int64_t kLine = 64;
    const int64_t bytes = w_.units() * w_.unit_bytes() * kernel_.panels;
    const int64_t lines = (bytes / kLine + parts - 1) / parts;
    const uint8_t* at = w_.codes + panel * w_.units() * w_.unit_bytes() + part * lines * kLine;
    const uint8_t* end = w_.codes + w_.panels() * w_.units() * w_.unit_bytes();
    for (int64_t i = 0; i < lines && at < end; ++i, at += kLine) __builtin_prefetch(at, 0, 2);
  }

  void run_tiles(int64_t tile, int64_t tile_end, int64_t panel, int64_t panel_end) {
    BlockTile t;
    t.panels = std::min(kernel_.panels, panel_end - panel);
    t.height = height_;
    t.block_units = w_.block_units;
    t.nibbles = w_.nibbles;
    t.sums_step = kernel_.panels * kBlockPanel;
    const bool whole = part_ >= w_.blocks;
    const int64_t column = panel * kBlockPanel;
    const int64_t columns = std::min(t.panels * kBlockPanel, w_.columns - column);
    for (int64_t block = 0; block == 0 || block < w_.blocks; block += part_) {
      t.blocks = std::min(part_, w_.blocks - block);
      expand(t, panel, block);
      t.add = block > 0;
      for (int64_t i = tile; i < tile_end; ++i) {
        const int64_t at = (i * w_.blocks + block) * height_;
        t.a = p_.rows.codes + at * w_.block_units * kBlockUnit;
        t.a_scales = p_.rows.scales + at;
        t.begins = p_.rows.begins ? p_.rows.begins + at : nullptr;
        t.lifts = p_.rows.lifts ? p_.rows.lifts + at : nullptr;
        t.sums = sums_ + (whole ? 0 : (i - tile) * height_ * t.sums_step);
        kernel_.tile(t);
        if (block == 0) ask_for_next(panel + kernel_.panels, i - tile, tile_end - tile);
        if (block + part_ >= w_.blocks) finish(t.sums, t.sums_step, i, columns, column);
      }
    }
  }

  void run_thin(int64_t panel, int64_t panel_end) {
    constexpr int64_t kAtOnce = 8;
    float sums[kThinBlockRows * kAtOnce * kBlockPanel];
    constexpr int64_t kStep = kAtOnce * kBlockPanel;
    for (int64_t j = panel; j < panel_end; j += kAtOnce) {
      const int64_t panels = std::min(kAtOnce, panel_end - j), column = j * kBlockPanel;
      kernel_.thin({&w_, p_.rows, j, panels, sums, kStep});
      finish(sums, kStep, 0, std::min(panels * kBlockPanel, w_.columns - column), column);
    }
  }

  void finish(const float* sums, int64_t sums_step, int64_t tile, int64_t columns,
              int64_t column) const {
    const int64_t row = tile * height_, rows = std::min(height_, p_.m - row);
    kernel_.finish(p_.epilogue, sums, sums_step, rows, row, columns, column, p_.y, w_.columns);
  }

  struct Free {
    void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{64}); }
  };
  const BlockGemmKernel& kernel_;
  const BlockProduct& p_;
  const BlockWeights& w_;
  int64_t height_;
  int64_t part_;  // blocks
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
