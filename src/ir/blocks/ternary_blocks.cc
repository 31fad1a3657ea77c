// Decoding of TQ1_0 and TQ2_0: 256 elements that are -1, 0 or 1 times a scale.
#include "ir/blocks/block_bytes.h"
#include "ir/blocks/codecs.h"

namespace hone {
namespace {

// Digit n of the base-three fraction byte / 256, whose first digit is the first element.
int digit(std::byte b, int n) {
  constexpr int kPowers[] = {1, 3, 9, 27, 81};
  const int rest = std::to_integer<int>(b) * kPowers[n] & 255;
  return rest * 3 >> 8;
}

}  // namespace

// 32 bytes of five digits, 16 of five, 4 of four: digit n of byte m is element n * bytes + m.
void decode_tq1_0(const std::byte* blocks, int64_t count, float* elements) {
  struct Part {
    int from, bytes, digits;
  };
  constexpr Part kParts[] = {{0, 32, 5}, {32, 16, 5}, {48, 4, 4}};
  for (; count > 0; --count, blocks += 54) {
    const float d = f16_at(blocks + 52);
    for (const auto [from, bytes, digits] : kParts) {
      for (int n = 0; n < digits; ++n) {
        for (int m = 0; m < bytes; ++m) *elements++ = float(digit(blocks[from + m], n) - 1) * d;
      }
    }
  }
}

// Pairs of bits: those at 2 * n of 32 bytes are one run of elements.
void decode_tq2_0(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 66) {
    const float d = f16_at(blocks + 64);
    for (int run = 0; run < 8; ++run) {
      const std::byte* from = blocks + run / 4 * 32;
      for (int i = 0; i < 32; ++i) *elements++ = float(bits_of(from[i], run % 4 * 2, 2) - 1) * d;
    }
  }
}

}  // namespace hone
