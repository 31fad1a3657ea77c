// Decoding of 16-bit floats, and of blocks with one scale, and a minimum where there is one: Q4_0
// to Q8_0, Q1_0, Q2_0.
//
// Blocks are of 32 elements but for the last two. The low nibbles of a block are its first half of
// the elements, the high ones the second; the fifth bits are a number of 32 bits, that of element j
// being bit j. Products are rounded before sums, as the formats' definition has it.
#include <bit>

#include "ir/blocks/block_bytes.h"
#include "ir/blocks/codecs.h"

namespace hone {
namespace {

constexpr int kElements = 32, kHalf = 16;

// Calls of(q) for 32 numbers of 4 bits.
template <class Of>
void decode_nibbles(const std::byte* nibbles, float* out, const Of& of) {
  for (int i = 0; i < kHalf; ++i) {
    out[i] = of(low_nibble(nibbles[i]));
    out[i + kHalf] = of(high_nibble(nibbles[i]));
  }
}

// The same of 5 bits, the high ones apart.
template <class Of>
void decode_fives(const std::byte* high, const std::byte* nibbles, float* out, const Of& of) {
  const auto bits = load_at<uint32_t>(high);
  for (int i = 0; i < kHalf; ++i) {
    out[i] = of(low_nibble(nibbles[i]) | int(bits >> i & 1) << 4);
    out[i + kHalf] = of(high_nibble(nibbles[i]) | int(bits >> (i + kHalf) & 1) << 4);
  }
}

}  // namespace

void decode_q4_0(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 18, elements += kElements) {
    const float scale = f16_at(blocks);
    decode_nibbles(blocks + 2, elements, [&](int q) { return scale * float(q - 8); });
  }
}

void decode_q4_1(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 20, elements += kElements) {
    const float scale = f16_at(blocks), least = f16_at(blocks + 2);
    decode_nibbles(blocks + 4, elements, [&](int q) { return scale * float(q) + least; });
  }
}

void decode_q5_0(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 22, elements += kElements) {
    const float scale = f16_at(blocks);
    decode_fives(blocks + 2, blocks + 6, elements, [&](int q) { return scale * float(q - 16); });
  }
}

void decode_q5_1(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 24, elements += kElements) {
    const float scale = f16_at(blocks), least = f16_at(blocks + 2);
    decode_fives(blocks + 4, blocks + 8, elements, [&](int q) { return scale * float(q) + least; });
  }
}

void decode_q8_0(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 34, elements += kElements) {
    const float scale = f16_at(blocks);
    for (int i = 0; i < kElements; ++i) elements[i] = float(i8_at(blocks + 2 + i)) * scale;
  }
}

// Bits: minus or plus the scale.
void decode_q1_0(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 18, elements += 128) {
    const float scale = f16_at(blocks);
    for (int i = 0; i < 128; ++i)
      elements[i] = bits_of(blocks[2 + i / 8], i % 8, 1) != 0 ? scale : -scale;
  }
}

// Pairs of bits: -1 to 2.
void decode_q2_0(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 18, elements += 64) {
    const float scale = f16_at(blocks);
    for (int i = 0; i < 64; ++i)
      elements[i] = float(bits_of(blocks[2 + i / 4], i % 4 * 2, 2) - 1) * scale;
  }
}

}  // namespace hone
