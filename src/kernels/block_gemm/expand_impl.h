// Nibbles to bytes, as compilers make vectors of it.
#pragma once

#include "kernels/block_gemm/block_gemm.h"

namespace hone::kernels {
namespace {

void expand(const BlockExpansion& e) {
  const uint8_t* from = e.codes;
  uint8_t* to = e.to;
  if (!e.nibbles) {
    for (int64_t i = 0; i < e.units * kUnitBytes; ++i) to[i] = uint8_t(from[i] - e.less);
    return;
  }
  constexpr int64_t kHalf = kUnitBytes / 2;
  for (int64_t u = 0; u < e.units; ++u, from += kHalf, to += kUnitBytes)
    for (int64_t i = 0; i < kHalf; ++i) {
      to[i] = uint8_t((from[i] & 15) - e.less);
      to[kHalf + i] = uint8_t((from[i] >> 4) - e.less);
    }
}

}  // namespace
}  // namespace hone::kernels
