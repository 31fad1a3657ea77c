// Philox 4x32-10: random numbers as a function of a key and a counter (Salmon et al., 2011).
#pragma once

#include <array>
#include <cstdint>

namespace hone {

constexpr std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter,
                                         std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t left = uint64_t{0xd2511f53} * counter[0];
    const uint64_t right = uint64_t{0xcd9e8d57} * counter[2];
    counter = {
        static_cast<uint32_t>(right >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(right),
        static_cast<uint32_t>(left >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(left)};
    key = {key[0] + 0x9e3779b9, key[1] + 0xbb67ae85};
  }
  return counter;
}

// Uniform in [0, 1) with 53 bits: the draw of this number for the token at `position` of `request`.
// Draws do not depend on which requests run together, nor in which order.
constexpr double uniform(uint64_t seed, uint64_t request, uint32_t position, uint32_t draw) {
  const auto bits =
      philox({static_cast<uint32_t>(request), static_cast<uint32_t>(request >> 32), position, draw},
             {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const uint64_t word = (uint64_t{bits[1]} << 32 | bits[0]) >> 11;
  return static_cast<double>(word) * 0x1p-53;
}

}  // namespace hone
