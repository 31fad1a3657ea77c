// The packed 6-bit scales of the K formats: 8 scales and minima (Q4_K, Q5_K), or 16 scales (Q3_K),
// in 12 bytes.
#pragma once

#include <array>

#include "ir/blocks/block_bytes.h"

namespace hone {

struct KScales {
  std::array<uint8_t, 8> scale, least;
};

// Bytes 0 to 3 hold the first four scales, 4 to 7 the first four minima; the lower four bits of the
// others are in bytes 8 to 11, and their upper two above the first ones.
inline KScales unpack_k_scales(const std::byte* packed) {
  KScales out;
  for (int i = 0; i < 4; ++i) {
    const int a = u8_at(packed + i), b = u8_at(packed + 4 + i), c = u8_at(packed + 8 + i);
    out.scale[size_t(i)] = uint8_t(a & 63);
    out.least[size_t(i)] = uint8_t(b & 63);
    out.scale[size_t(i) + 4] = uint8_t((c & 15) | (a >> 6) << 4);
    out.least[size_t(i) + 4] = uint8_t((c >> 4) | (b >> 6) << 4);
  }
  return out;
}

inline void pack_k_scales(const KScales& scales, std::byte* packed) {
  for (int i = 0; i < 4; ++i) {
    const auto [low, high] = std::array{scales.scale[size_t(i)], scales.scale[size_t(i) + 4]};
    const auto [low_least, high_least] =
        std::array{scales.least[size_t(i)], scales.least[size_t(i) + 4]};
    packed[i] = std::byte(low | (high >> 4) << 6);
    packed[4 + i] = std::byte(low_least | (high_least >> 4) << 6);
    packed[8 + i] = std::byte((high & 15) | (high_least & 15) << 4);
  }
}

// Scale `run` of 16, of Q3_K: lower four bits in bytes 0 to 7, upper two in bytes 8 to 11.
inline int q3_k_scale(const std::byte* packed, int run) {
  return bits_of(packed[run % 8], run / 8 * 4, 4) | bits_of(packed[8 + run % 4], run / 4 * 2, 2)
                                                        << 4;
}

}  // namespace hone
