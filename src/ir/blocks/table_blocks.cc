// Decoding of the formats whose four bits are places of a table: IQ4_NL, IQ4_XS, MXFP4, NVFP4, NF4.
// As in the plain formats, the low nibbles of a run are its first half.
#include <bit>
#include <cmath>

#include "ir/blocks/block_bytes.h"
#include "ir/blocks/codecs.h"
#include "ir/blocks/tables.h"

namespace hone {
namespace {

template <class Table>
void look_up(const Table& table, float scale, const std::byte* nibbles, int bytes, float* out) {
  for (int i = 0; i < bytes; ++i) {
    out[i] = scale * float(table[size_t(low_nibble(nibbles[i]))]);
    out[i + bytes] = scale * float(table[size_t(high_nibble(nibbles[i]))]);
  }
}

}  // namespace

float half_of_e8m0(uint8_t bits) {
  // 2^-128 and 2^-127 are subnormal. 255, a NaN elsewhere, is a power too.
  return std::bit_cast<float>(bits < 2 ? uint32_t{0x200000} << bits : uint32_t(bits - 1) << 23);
}

float half_of_ue4m3(uint8_t bits) {
  if (bits == 0 || bits == 0x7f) return 0;
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  if (exponent == 0) return std::ldexp(float(mantissa), -10);
  return std::ldexp(float(8 + mantissa), exponent - 11);
}

void decode_iq4_nl(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 18, elements += 32) {
    look_up(kIq4Values, f16_at(blocks), blocks + 2, 16, elements);
  }
}

// d, the upper two bits of 8 scales, their lower four, nibbles.
void decode_iq4_xs(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 136) {
    const float d = f16_at(blocks);
    const int high = load_at<uint16_t>(blocks + 2);
    for (int run = 0; run < 8; ++run, elements += 32) {
      const int scale = bits_of(blocks[4 + run / 2], run % 2 * 4, 4) | (high >> 2 * run & 3) << 4;
      look_up(kIq4Values, d * float(scale - 32), blocks + 8 + run * 16, 16, elements);
    }
  }
}

void decode_mxfp4(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 17, elements += 32) {
    look_up(kFp4Values, half_of_e8m0(uint8_t(u8_at(blocks))), blocks + 1, 16, elements);
  }
}

// Four runs of 16 elements.
void decode_nvfp4(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 36) {
    for (int run = 0; run < 4; ++run, elements += 16) {
      look_up(kFp4Values, half_of_ue4m3(uint8_t(u8_at(blocks + run))), blocks + 4 + run * 8, 8,
              elements);
    }
  }
}

// A block of our own: the greatest magnitude as f16, then 32 bytes of nibbles.
void decode_nf4(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 34, elements += 64) {
    look_up(kNf4Values, f16_at(blocks), blocks + 2, 32, elements);
  }
}

}  // namespace hone
