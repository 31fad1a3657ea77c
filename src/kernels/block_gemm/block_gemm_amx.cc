// Products of weights in blocks as products of tiles (AMX): 16 rows of a unit with 16 columns. The
// sums of a block go through memory, for tiles have no other way out.
#include "kernels/block_gemm/dots_avx512.h"
#include "kernels/tile_config.h"

namespace hone::kernels {
namespace {

constexpr int kTileRows = 16;
constexpr int64_t kGroupBytes = 4 * kBlockPanel;

// Tile 0 holds sums, 1 a unit of rows, 2 one of a panel, 3 and 4 half of them. The CPU renames
// them.
void enter() {
  TileConfig config;
  config.set(0, kTileRows, kGroupBytes);
  config.set(1, kTileRows, kBlockUnit);
  config.set(2, kBlockUnit / 4, kGroupBytes);
  config.set(3, kTileRows, kHalfUnit);
  config.set(4, kHalfUnit / 4, kGroupBytes);
  load(config);
}
void leave() { _tile_release(); }

// The sums of one block on their way: two are, so that one is added up while the next is computed.
struct alignas(64) Sums {
  int32_t at[kTileRows][kBlockPanel];
};

template <bool kSigned>
inline void multiply_units(int64_t rows, const int8_t* a, const uint8_t* b, Sums& to) {
  _tile_zero(0);
  for (; rows > 0; rows -= kBlockUnit, a += kTileRows * kBlockUnit, b += kUnitBytes) {
    _tile_loadd(1, a, kBlockUnit);
    _tile_loadd(2, b, kGroupBytes);
    if constexpr (kSigned)
      _tile_dpbssd(0, 1, 2);
    else
      _tile_dpbsud(0, 1, 2);
  }
  _tile_stored(0, to.at, kGroupBytes);
}

template <bool kSigned>
inline void multiply_half(const int8_t* a, const uint8_t* b, Sums& to) {
  _tile_zero(0);
  _tile_loadd(3, a, kBlockUnit);
  _tile_loadd(4, b, kGroupBytes);
  if constexpr (kSigned)
    _tile_dpbssd(0, 3, 4);
  else
    _tile_dpbsud(0, 3, 4);
  _tile_stored(0, to.at, kGroupBytes);
}

inline void add_up(const BlockTile& t, int64_t block, const Sums& from, Vector (&sums)[kTileRows]) {
  const Vector scale = Vector::load(t.scales + block * kBlockPanel);
  const float* rows = t.a_scales + block * kTileRows;
#pragma GCC unroll 16
  for (int r = 0; r < kTileRows; ++r) {
    const Vector dots{_mm512_cvtepi32_ps(_mm512_load_si512(from.at[r]))};
    sums[r] = fma(dots, scale * Vector::all(rows[r]), sums[r]);
  }
  if (!t.minima) return;
  const Vector minimum = Vector::zero() - Vector::load(t.minima + block * kBlockPanel);
  const float* lifts = t.lifts + block * kTileRows;
#pragma GCC unroll 16
  for (int r = 0; r < kTileRows; ++r) sums[r] = fma(minimum, Vector::all(lifts[r]), sums[r]);
}

template <bool kSigned, bool kHalves>
void tile_of(const BlockTile& t) {
  Vector sums[kTileRows];
#pragma GCC unroll 16
  for (int r = 0; r < kTileRows; ++r)
    sums[r] = t.add ? Vector::load(t.sums + r * t.sums_step) : Vector::zero();
  Sums even, odd;
  const auto start = [&](int64_t block, Sums& to) {
    const int64_t k = block * t.block_rows;
    const int8_t* a = t.a + k / kBlockUnit * kBlockUnit * kTileRows + k % kBlockUnit;
    if constexpr (kHalves)
      multiply_half<kSigned>(a, t.b + k * kBlockPanel, to);
    else
      multiply_units<kSigned>(t.block_rows, a, t.b + k * kBlockPanel, to);
  };
  if (t.blocks > 0) start(0, even);
  for (int64_t b = 0; b < t.blocks; b += 2) {
    if (b + 1 < t.blocks) start(b + 1, odd);
    add_up(t, b, even, sums);
    if (b + 1 == t.blocks) break;
    if (b + 2 < t.blocks) start(b + 2, even);
    add_up(t, b + 1, odd, sums);
  }
#pragma GCC unroll 16
  for (int r = 0; r < kTileRows; ++r) sums[r].store(t.sums + r * t.sums_step);
}

template <bool kSigned>
void tiles_of(const BlockTile& t) {
  t.block_rows < kBlockUnit ? tile_of<kSigned, true>(t) : tile_of<kSigned, false>(t);
}

void tiles(const BlockTile* t, int64_t count) {
  for (int64_t i = 0; i < count; ++i) t[i].centred ? tiles_of<true>(t[i]) : tiles_of<false>(t[i]);
}

}  // namespace

const BlockGemmKernel kBlockGemmAmx{kTileRows, 1,     true,    true,    false,  kBlockUnit, prepare,
                                    expand,    tiles, nullptr, nullptr, finish, enter,      leave};

}  // namespace hone::kernels
