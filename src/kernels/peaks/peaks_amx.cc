// The peak of products of bytes as products of tiles (AMX); the others as AVX-512 has them.
#include "kernels/peaks/peaks_impl.h"

namespace hone::kernels {
namespace {

constexpr int kTiles = 4;
constexpr int64_t kTileProducts = 16 * 16 * 64;

// All tiles of 16 rows of 64 bytes (Intel 64 and IA-32 Architectures Software Developer's Manual,
// LDTILECFG).
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Four sums under way, as in a product of two tiles of rows and two of columns; all are zero.
int32_t busy_tiles(int64_t iterations) {
  const TileConfig config;
  // GCC 12 takes its own intrinsic to read no more than the first bytes.
  asm volatile("" : : "m"(config));
  _tile_loadconfig(&config);
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
