// How many rows and bytes the tiles of AMX have (Intel 64 and IA-32 Architectures Software
// Developer's Manual, LDTILECFG). For files that are compiled for it.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace hone::kernels {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t bytes[16] = {};  // of a row
  uint8_t rows[16] = {};
  void set(int tile, int64_t tile_rows, int64_t row_bytes) {
    rows[tile] = uint8_t(tile_rows);
    bytes[tile] = uint16_t(row_bytes);
  }
};

// GCC 12 takes its own intrinsic to read no more than the first bytes.
inline void load(const TileConfig& config) {
  asm volatile("" : : "m"(config));
  _tile_loadconfig(&config);
}

}  // namespace
}  // namespace hone::kernels
