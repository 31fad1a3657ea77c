// Decoding of the "K" formats: blocks of 256 elements in which the scales of 16 or 32 elements are
// small integers themselves.
#include "ir/blocks/block_bytes.h"
#include "ir/blocks/codecs.h"
#include "ir/blocks/k_scales.h"

namespace hone {
namespace {

constexpr int kElements = 256;

}  // namespace

// Scales of 4 bits, minima in the upper 4, for 16 elements; pairs of bits: those at 2 * n of 32
// bytes are one run of 32 elements; d and dmin.
void decode_q2_k(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 84) {
    const float d = f16_at(blocks + 80), dmin = f16_at(blocks + 82);
    for (int run = 0; run < 16; ++run, elements += 16) {  // of 16
      const float scale = d * float(low_nibble(blocks[run]));
      const float least = dmin * float(high_nibble(blocks[run]));
      const std::byte* from = blocks + 16 + run / 8 * 32 + run % 2 * 16;
      const int shift = run / 2 % 4 * 2;
      for (int i = 0; i < 16; ++i) elements[i] = scale * float(bits_of(from[i], shift, 2)) - least;
    }
  }
}

// Third bits, one of each run of 32 elements in a byte; pairs of bits as in Q2_K; scales; d. The
// third bit says that 4 is not taken away.
void decode_q3_k(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 110) {
    const float d = f16_at(blocks + 108);
    for (int run = 0; run < 16; ++run, elements += 16) {
      const float scale = d * float(q3_k_scale(blocks + 96, run) - 32);
      const std::byte* high = blocks + run % 2 * 16;
      const std::byte* from = blocks + 32 + run / 8 * 32 + run % 2 * 16;
      for (int i = 0; i < 16; ++i) {
        const int q = bits_of(from[i], run / 2 % 4 * 2, 2) + bits_of(high[i], run / 2, 1) * 4 - 4;
        elements[i] = scale * float(q);
      }
    }
  }
}

// d, dmin, scales and minima of 8 runs of 32, nibbles: the low ones of 32 bytes are one run, the
// high ones the next.
void decode_q4_k(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 144) {
    const float d = f16_at(blocks), dmin = f16_at(blocks + 2);
    const KScales scales = unpack_k_scales(blocks + 4);
    const std::byte* nibbles = blocks + 16;
    for (int run = 0; run < 8; ++run, elements += 32) {
      const float scale = d * float(scales.scale[run]), least = dmin * float(scales.least[run]);
      const std::byte* from = nibbles + run / 2 * 32;
      for (int i = 0; i < 32; ++i) {
        elements[i] = scale * float(bits_of(from[i], run % 2 * 4, 4)) - least;
      }
    }
  }
}

// As Q4_K; bit n of the 32 bytes before the nibbles is the fifth bit of run n.
void decode_q5_k(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 176) {
    const float d = f16_at(blocks), dmin = f16_at(blocks + 2);
    const KScales scales = unpack_k_scales(blocks + 4);
    const std::byte *high = blocks + 16, *nibbles = blocks + 48;
    for (int run = 0; run < 8; ++run, elements += 32) {
      const float scale = d * float(scales.scale[run]), least = dmin * float(scales.least[run]);
      const std::byte* from = nibbles + run / 2 * 32;
      for (int i = 0; i < 32; ++i) {
        const int q = bits_of(from[i], run % 2 * 4, 4) | bits_of(high[i], run, 1) << 4;
        elements[i] = scale * float(q) - least;
      }
    }
  }
}

// Halves of 128 elements, each 64 bytes of nibbles and 32 of upper pairs of bits; scales of 8 bits
// for 16 elements, d at the end.
void decode_q6_k(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 210, elements += kElements) {
    const float d = f16_at(blocks + 208);
    for (int run = 0; run < 8; ++run) {  // of 32
      const int half = run / 4, part = run % 4;
      const std::byte* low = blocks + half * 64 + part % 2 * 32;
      const std::byte* high = blocks + 128 + half * 32;
      const std::byte* scales = blocks + 192 + run * 2;
      for (int i = 0; i < 32; ++i) {
        const int q = bits_of(low[i], part / 2 * 4, 4) | bits_of(high[i], part * 2, 2) << 4;
        elements[run * 32 + i] = d * float(i8_at(scales + i / 16)) * float(q - 32);
      }
    }
  }
}

}  // namespace hone
