// One f16 from and to f32, for the instruction set of the including file.
#pragma once

#include <bit>
#include <cstdint>

namespace hone::kernels {
namespace {

// Shifted into place, the exponent lacks 127 - 15; the product supplies it, to subnormals too.
inline float from_f16(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16;
  uint32_t body = uint32_t(bits & 0x7fff) << 13;
  if ((bits & 0x7c00) == 0x7c00)
    body |= 0x7f800000;
  else
    body = std::bit_cast<uint32_t>(std::bit_cast<float>(body) * 0x1p112f);
  return std::bit_cast<float>(body | sign);
}
// To the nearest, ties to even.
inline uint16_t to_f16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const auto sign = uint16_t(bits >> 16 & 0x8000);
  const uint32_t size = bits & 0x7fffffff;
  if (size > 0x7f800000) return uint16_t(sign | 0x7e00);
  if (size >= 0x477ff000) return uint16_t(sign | 0x7c00);  // 65520 and more round to infinity
  if (size < 0x38800000) {
    // Below 2^-14: the sum with 1/2 has the last place of a subnormal, and rounds there.
    const float sum = std::bit_cast<float>(size) + 0.5f;
    return uint16_t(sign | (std::bit_cast<uint32_t>(sum) - 0x3f000000));
  }
  const uint32_t odd = size >> 13 & 1;
  return uint16_t(sign | (size - (112u << 23) + 0xfff + odd) >> 13);
}

}  // namespace
}  // namespace hone::kernels
