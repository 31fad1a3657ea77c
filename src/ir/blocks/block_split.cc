#include "ir/blocks/block_split.h"

#include "ir/blocks/block_bytes.h"
#include "ir/blocks/k_scales.h"
#include "ir/blocks/tables.h"

namespace hone {
namespace {

// Low nibbles of `n` bytes, then the high ones.
void put_nibbles(const std::byte* from, int64_t n, uint8_t* to) {
  for (int64_t i = 0; i < n; ++i) {
    const auto both = std::to_integer<uint8_t>(from[i]);
    to[i] = both & 15;
    to[n + i] = both >> 4;
  }
}

// Bit i of four bytes above the four bits of element i.
void put_fifth_bits(const std::byte* from, uint8_t* to) {
  const auto bits = load_at<uint32_t>(from);
  for (int i = 0; i < 32; ++i) to[i] |= uint8_t((bits >> i & 1) << 4);
}

void split_q4_0(const std::byte* b, SplitBlock& to) {
  to.coarse = f16_at(b);
  put_nibbles(b + 2, 16, to.codes.data());
}

void split_q4_1(const std::byte* b, SplitBlock& to) {
  to.coarse = f16_at(b);
  to.coarse_least = -f16_at(b + 2);
  put_nibbles(b + 4, 16, to.codes.data());
}

void split_q5_0(const std::byte* b, SplitBlock& to) {
  to.coarse = f16_at(b);
  put_nibbles(b + 6, 16, to.codes.data());
  put_fifth_bits(b + 2, to.codes.data());
}

void split_q5_1(const std::byte* b, SplitBlock& to) {
  to.coarse = f16_at(b);
  to.coarse_least = -f16_at(b + 2);
  put_nibbles(b + 8, 16, to.codes.data());
  put_fifth_bits(b + 4, to.codes.data());
}

void split_q8_0(const std::byte* b, SplitBlock& to) {
  to.coarse = f16_at(b);
  for (int i = 0; i < 32; ++i) to.codes[size_t(i)] = std::to_integer<uint8_t>(b[2 + i]) ^ 0x80;
}

void split_q2_k(const std::byte* b, SplitBlock& to) {
  to.coarse = f16_at(b + 80);
  to.coarse_least = f16_at(b + 82);
  for (int run = 0; run < 16; ++run) {
    to.fine[size_t(run)] = uint8_t(low_nibble(b[run]));
    to.fine_least[size_t(run)] = uint8_t(high_nibble(b[run]));
    const std::byte* from = b + 16 + run / 8 * 32 + run % 2 * 16;
    for (int i = 0; i < 16; ++i)
      to.codes[size_t(run * 16 + i)] = uint8_t(bits_of(from[i], run / 2 % 4 * 2, 2));
  }
}

void split_q3_k(const std::byte* b, SplitBlock& to) {
  to.coarse = f16_at(b + 108);
  for (int run = 0; run < 16; ++run) {
    to.fine[size_t(run)] = uint8_t(q3_k_scale(b + 96, run) - 32);
    const std::byte* high = b + run % 2 * 16;
    const std::byte* from = b + 32 + run / 8 * 32 + run % 2 * 16;
    for (int i = 0; i < 16; ++i)
      to.codes[size_t(run * 16 + i)] =
          uint8_t(bits_of(from[i], run / 2 % 4 * 2, 2) | bits_of(high[i], run / 2, 1) << 2);
  }
}

void split_k_scales(const std::byte* b, SplitBlock& to) {
  to.coarse = f16_at(b);
  to.coarse_least = f16_at(b + 2);
  const KScales scales = unpack_k_scales(b + 4);
  for (size_t run = 0; run < 8; ++run) {
    to.fine[run] = scales.scale[run];
    to.fine_least[run] = scales.least[run];
  }
}

void split_q4_k(const std::byte* b, SplitBlock& to) {
  split_k_scales(b, to);
  for (int pair = 0; pair < 4; ++pair)
    put_nibbles(b + 16 + pair * 32, 32, to.codes.data() + pair * 64);
}

void split_q5_k(const std::byte* b, SplitBlock& to) {
  split_k_scales(b, to);
  for (int pair = 0; pair < 4; ++pair)
    put_nibbles(b + 48 + pair * 32, 32, to.codes.data() + pair * 64);
  for (int run = 0; run < 8; ++run)
    for (int i = 0; i < 32; ++i)
      to.codes[size_t(run * 32 + i)] |= uint8_t(bits_of(b[16 + i], run, 1) << 4);
}

// Halves of 128: 64 bytes of nibbles, 32 bytes of pairs of bits.
void split_q6_k(const std::byte* b, SplitBlock& to) {
  to.coarse = f16_at(b + 208);
  for (int run = 0; run < 16; ++run) to.fine[size_t(run)] = std::to_integer<uint8_t>(b[192 + run]);
  for (int half = 0; half < 2; ++half) {
    const std::byte *low = b + half * 64, *high = b + 128 + half * 32;
    uint8_t* out = to.codes.data() + half * 128;
    for (int part = 0; part < 4; ++part)
      for (int i = 0; i < 32; ++i)
        out[part * 32 + i] = uint8_t(bits_of(low[part % 2 * 32 + i], part / 2 * 4, 4) |
                                     bits_of(high[i], part * 2, 2) << 4);
  }
}

void split_iq4_xs(const std::byte* b, SplitBlock& to) {
  to.coarse = f16_at(b);
  const int high = load_at<uint16_t>(b + 2);
  for (int run = 0; run < 8; ++run) {
    const int scale = bits_of(b[4 + run / 2], run % 2 * 4, 4) | (high >> 2 * run & 3) << 4;
    to.fine[size_t(run)] = uint8_t(scale - 32);
    put_nibbles(b + 8 + run * 16, 16, to.codes.data() + run * 32);
  }
}

// Eighths of what the format has, so that they take up the range of bytes.
constexpr std::array<int8_t, 16> kFp4Bytes = [] {
  std::array<int8_t, 16> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = int8_t(kFp4Values[i] * 8);
  return bytes;
}();

void split_mxfp4(const std::byte* b, SplitBlock& to) {
  to.coarse = half_of_e8m0(uint8_t(u8_at(b))) / 8;
  put_nibbles(b + 1, 16, to.codes.data());
}

constexpr SplitFormat kFormats[] = {
    {"q4_0", 4, 32, 8, false, false, false, nullptr, false, split_q4_0},
    {"q4_1", 4, 32, 0, true, false, false, nullptr, false, split_q4_1},
    {"q5_0", 5, 32, 16, false, false, false, nullptr, false, split_q5_0},
    {"q5_1", 5, 32, 0, true, false, false, nullptr, false, split_q5_1},
    {"q8_0", 8, 32, 128, false, false, false, nullptr, false, split_q8_0},
    {"q2_k", 2, 16, 0, true, true, false, nullptr, false, split_q2_k},
    {"q3_k", 3, 16, 4, false, true, true, nullptr, false, split_q3_k},
    {"q4_k", 4, 32, 0, true, true, false, nullptr, false, split_q4_k},
    {"q5_k", 5, 32, 0, true, true, false, nullptr, false, split_q5_k},
    {"q6_k", 6, 16, 32, false, true, true, nullptr, false, split_q6_k},
    {"iq4_nl", 4, 32, 0, false, false, false, kIq4Values.data(), false, split_q4_0},
    {"iq4_xs", 4, 32, 0, false, true, true, kIq4Values.data(), false, split_iq4_xs},
    {"mxfp4", 4, 32, 0, false, false, false, kFp4Bytes.data(), true, split_mxfp4},
};

}  // namespace

const SplitFormat* split_format(const BlockFormat& format) {
  for (const SplitFormat& split : kFormats)
    if (split.format == format.name) return &split;
  return nullptr;
}

}  // namespace hone
