// The peak of products of bytes as products of tiles (AMX); the others as AVX-512 has them.
#include "kernels/peaks/peaks_impl.h"
#include "kernels/tile_config.h"

namespace hone::kernels {
namespace {

constexpr int kTiles = 4;
constexpr int64_t kTileProducts = 16 * 16 * 64;

// Four sums under way, as in a product of two tiles of rows and two of columns; all are zero.
int32_t busy_tiles(int64_t iterations) {
  TileConfig config;
  for (int i = 0; i < 8; ++i) config.set(i, 16, 64);
  load(config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (int64_t n = 0; n < iterations; ++n) {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  alignas(64) int32_t sums[16][16];
  _tile_stored(0, sums, 64);
  _tile_release();
  return sums[0][0];
}

}  // namespace

const PeakKernels kPeaksAmx{busy_f32, 2 * kChains* Vector::kWidth, busy_tiles,
                            2 * kTiles* kTileProducts, read_floats};

}  // namespace hone::kernels
