// Products of weights in runs as products of tiles (AMX): 32 rows with the columns of two panels, a
// run of 256 rows of W at a time, whose sums leave the tiles once.
#include "kernels/block_gemm/dots_avx512.h"
#include "kernels/tile_config.h"

namespace hone::kernels {
namespace {

constexpr int kTileRows = 16, kRows = 2 * kTileRows, kPanels = 2;
constexpr int64_t kTileUnit = 64;                      // rows of W
constexpr int64_t kTileBytes = kTileRows * kTileUnit;  // of A or of W

// Tiles 0 and 1 hold sums of the first panel, for the upper and the lower rows; 2 and 3 those of
// the second; 4 and 5 rows of A; 6 and 7 panels.
void enter() {
  TileConfig config;
  for (int i = 0; i < 8; ++i) config.set(i, kTileRows, kTileUnit);
  load(config);
}
void leave() { _tile_release(); }

// What row r of A has of units of 64: zeros behind the last element.
inline void copy_row(const int8_t* from, int64_t depth, int64_t units, int8_t* to) {
  for (int64_t u = 0; u < units; ++u, to += kRows * kTileUnit) {
    const int64_t left = from ? depth - u * kTileUnit : 0;
    const __mmask64 some = left >= kTileUnit ? ~__mmask64{0}
                           : left > 0        ? (__mmask64{1} << left) - 1
                                             : __mmask64{0};
    const __m512i x = some ? _mm512_maskz_loadu_epi8(some, from + u * kTileUnit) : __m512i{};
    _mm512_storeu_si512(to, x);
  }
}

void prepare_runs(const QuantizedRows& from, const BlockWeights& w, const BlockRows& to,
                  int64_t tile, int64_t tile_end) {
  const int64_t units = (w.units() * kBlockUnit + kTileUnit - 1) / kTileUnit, runs = w.sums();
  for (int64_t i = tile * kRows; i < tile_end * kRows; ++i) {
    const int64_t r = i % kRows, of = i / kRows;
    const int8_t* row = i < from.m ? from.codes + i * from.depth : nullptr;
    copy_row(row, from.depth, units, to.codes + of * units * kRows * kTileUnit + r * kTileUnit);
    for (int64_t run = 0; run < runs; ++run)
      to.scales[(of * runs + run) * kRows + r] = row ? from.scales[i * runs + run] : 0;
  }
}

// Two units of 32 are one of tiles; zeros behind the last one.
void expand_whole(const BlockExpansion& e) {
  expand(e);
  if (e.units % 2 != 0) std::memset(e.to + e.units * kUnitBytes, 0, size_t(kUnitBytes));
}

// Sums of a run on their way out, and whose they are.
struct alignas(64) Sums {
  int32_t at[kPanels][kRows][kBlockPanel];
  const BlockTile* tile = nullptr;
  int64_t run = 0;
};

template <bool kBoth>
inline void multiply_run(const BlockTile& t, int64_t run) {
  const int64_t begin = run * kBlockRun;
  const int64_t end = t.rows < begin + kBlockRun ? t.rows : begin + kBlockRun;
  const int8_t* a = t.a + begin * kRows;
  const uint8_t* b = t.b + begin * kBlockPanel;
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (kBoth) {
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t k = begin; k < end; k += kTileUnit, a += kRows * kTileUnit, b += kTileBytes) {
    // Rows come from the second-level cache: those of the next step are asked for.
#pragma GCC unroll 32
    for (int64_t i = 0; i < 2 * kTileBytes; i += 64) __builtin_prefetch(a + kRows * kTileUnit + i);
    _tile_loadd(6, b, kTileUnit);
    _tile_loadd(4, a, kTileUnit);
    _tile_dpbssd(0, 4, 6);
    _tile_loadd(5, a + kTileBytes, kTileUnit);
    _tile_dpbssd(1, 5, 6);
    if constexpr (kBoth) {
      _tile_loadd(7, b + t.panel_step, kTileUnit);
      _tile_dpbssd(2, 4, 7);
      _tile_dpbssd(3, 5, 7);
    }
  }
}

template <bool kBoth>
inline void store(Sums& to) {
  _tile_stored(0, to.at[0], kTileUnit);
  _tile_stored(1, to.at[0][kTileRows], kTileUnit);
  if constexpr (!kBoth) return;
  _tile_stored(2, to.at[1], kTileUnit);
  _tile_stored(3, to.at[1][kTileRows], kTileUnit);
}

// Where sums of a run go: to those before, or with them to results.
enum class To : uint8_t { sums, results, results_and_added };

// As few instructions as possible: while they wait for a tile, those behind them have to begin.
template <bool kBoth, bool kAdd, To kTo>
inline void add_up(const BlockTile& t, const Sums& s) {
  const float* scales = t.a_scales + s.run * kRows;
#pragma GCC unroll 2
  for (int p = 0; p < (kBoth ? 2 : 1); ++p) {
    const Vector scale = Vector::load(t.scales + p * t.scales_step + s.run * kBlockPanel);
    float* sums = t.sums + p * kBlockPanel;
    float* y = kTo == To::sums ? sums : t.y + p * kBlockPanel;
    const int64_t y_row = kTo == To::sums ? kPanels * kBlockPanel : t.y_row;
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r, y += y_row) {
      const Vector dots{_mm512_cvtepi32_ps(_mm512_load_si512(s.at[p][r]))};
      const Vector before = kAdd ? Vector::load(sums + r * kPanels * kBlockPanel) : Vector::zero();
      Vector sum = fma(dots, scale * Vector::all(scales[r]), before);
      if constexpr (kTo == To::results_and_added)
        sum = sum + Vector::load(t.added + r * t.added_row + p * kBlockPanel);
      sum.store(y);
    }
  }
}

template <bool kBoth, bool kAdd>
inline void add_up(const BlockTile& t, const Sums& s) {
  if (!t.y || s.run + 1 < t.blocks) return add_up<kBoth, kAdd, To::sums>(t, s);
  t.added ? add_up<kBoth, kAdd, To::results_and_added>(t, s)
          : add_up<kBoth, kAdd, To::results>(t, s);
}

template <bool kBoth>
inline void add_up(const Sums& s) {
  const BlockTile& t = *s.tile;
  t.add || s.run > 0 ? add_up<kBoth, true>(t, s) : add_up<kBoth, false>(t, s);
}

// Lines of results are asked for, to be written, while sums are computed: they seldom lie in this
// core's caches. (A builtin would ask for them to be read, as all CPUs can.)
template <bool kBoth>
inline void ask_for_results(const BlockTile& t) {
  if (!t.y) return;
#pragma GCC unroll 32
  for (int r = 0; r < kRows; ++r) {
    const float* y = t.y + r * t.y_row;
    asm volatile("prefetchw %0" ::"m"(*y));
    if constexpr (kBoth) asm volatile("prefetchw %0" ::"m"(y[kBlockPanel]));
  }
}

// While the sums of one run are added up, the next one is computed.
template <bool kBoth>
void tiles_of(const BlockTile* tiles, int64_t count) {
  Sums sums[2];
  int turn = 0;
  for (int64_t i = 0; i < count; ++i) {
    ask_for_results<kBoth>(tiles[i]);
    for (int64_t run = 0; run < tiles[i].blocks; ++run, turn ^= 1) {
      multiply_run<kBoth>(tiles[i], run);
      const Sums& before = sums[turn ^ 1];
      if (before.tile) add_up<kBoth>(before);
      store<kBoth>(sums[turn]);
      sums[turn].tile = tiles + i;
      sums[turn].run = run;
    }
  }
  const Sums& last = sums[turn ^ 1];
  if (last.tile) add_up<kBoth>(last);
}

void tiles(const BlockTile* t, int64_t count) {
  t->panels == kPanels ? tiles_of<true>(t, count) : tiles_of<false>(t, count);
}

}  // namespace

const BlockGemmKernel kBlockGemmAmxRuns{kRows,     kPanels,      true,         true,  true,
                                        kTileUnit, prepare_runs, expand_whole, tiles, nullptr,
                                        nullptr,   finish,       enter,        leave};

}  // namespace hone::kernels
