// What the codecs of block formats share: numbers at any address, and parts of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ir/tensor.h"

namespace hone {

template <class T>
T load_at(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
inline float f16_at(const std::byte* at) { return f16_to_f32(load_at<uint16_t>(at)); }

inline int u8_at(const std::byte* at) { return std::to_integer<int>(*at); }
inline int i8_at(const std::byte* at) { return static_cast<int8_t>(*at); }
inline int low_nibble(std::byte b) { return std::to_integer<int>(b & std::byte{15}); }
inline int high_nibble(std::byte b) { return std::to_integer<int>(b >> 4); }
// The `count` bits from bit `shift` on.
inline int bits_of(std::byte b, int shift, int count) {
  return std::to_integer<int>(b >> shift) & ((1 << count) - 1);
}

}  // namespace hone
