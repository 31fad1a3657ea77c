// The packed weights of block_linear: what the pass that makes them and the kernels agree on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hone::block_linear {

// Inputs.
inline constexpr size_t kCodes = 1, kRowScale = 4, kScale = 5, kMinimum = 6;

// Panels of 16 columns, in units of 32 rows of W: [panels, units, bytes of a unit].
inline constexpr int64_t kColumns = 16, kUnit = 32;
inline constexpr int64_t unit_bytes(int64_t bits) { return kColumns * kUnit * bits / 8; }

// Where the code of row k, 0 <= k < kUnit, and column j lies in its unit.
struct Place {
  int64_t byte;
  int64_t shift;
};
inline Place place(int64_t bits, int64_t k, int64_t j) {
  constexpr int64_t kGroup = 4;
  const int64_t half = bits == 4 ? kUnit / 2 : kUnit, row = k % half;
  return {row / kGroup * kGroup * kColumns + j * kGroup + row % kGroup, k / half * 4};
}

}  // namespace hone::block_linear
