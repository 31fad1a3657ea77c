// Decoding of the IQ1, IQ2 and IQ3 formats: 256 elements in runs of 32, whose magnitudes are points
// of a grid and whose signs are stored apart. hone reads these formats only.
#include <bit>
#include <span>

#include "ir/blocks/block_bytes.h"
#include "ir/blocks/codecs.h"
#include "ir/blocks/grids.h"

namespace hone {
namespace {

constexpr int kRuns = 8, kRun = 32;

float sign_of(int signs, int i) { return (signs >> i & 1) != 0 ? -1.f : 1.f; }

// Seven signs; the eighth makes the number of negative elements even.
int with_parity(uint32_t seven) { return int(seven | uint32_t(std::popcount(seven) & 1) << 7); }

// Eight elements of a point of two bits each.
void put_eight(float scale, uint16_t point, int signs, float* out) {
  for (int i = 0; i < 8; ++i)
    out[i] = scale * kIq2Values[size_t(point >> 2 * i & 3)] * sign_of(signs, i);
}

// Eight elements of two points of three bits each.
void put_fours(float scale, std::span<const float, 8> values, uint16_t a, uint16_t b, int signs,
               float* out) {
  for (int i = 0; i < 4; ++i) {
    out[i] = scale * values[size_t(a >> 3 * i & 7)] * sign_of(signs, i);
    out[i + 4] = scale * values[size_t(b >> 3 * i & 7)] * sign_of(signs, i + 4);
  }
}

// A run of IQ2_XXS or IQ3_XXS: what each group of eight elements is, and the run's 32 bits of four
// times seven signs and four bits of scale.
float scale_of(uint32_t packed) { return 0.5f + float(packed >> 28); }
int signs_of(uint32_t packed, int group) { return with_parity(packed >> 7 * group & 127); }

// IQ1: the point moved by an eighth, up or down.
void put_ternary(float scale, uint16_t point, bool down, float* out) {
  const float shift = down ? -0.125f : 0.125f;
  for (int i = 0; i < 8; ++i) out[i] = scale * (kIq1Values[size_t(point >> 2 * i & 3)] + shift);
}

}  // namespace

void decode_iq2_xxs(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 66) {
    const float d = f16_at(blocks);
    for (int run = 0; run < kRuns; ++run, elements += kRun) {
      const std::byte* points = blocks + 2 + run * 8;
      const auto packed = load_at<uint32_t>(points + 4);
      const float scale = d * scale_of(packed) * 0.25f;
      for (int g = 0; g < 4; ++g)
        put_eight(scale, kIq2XxsGrid[size_t(u8_at(points + g))], signs_of(packed, g),
                  elements + g * 8);
    }
  }
}

// Numbers of 16 bits: 9 of the point, 7 signs. Scales of 4 bits for 16 elements.
void decode_iq2_xs(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 74) {
    const float d = f16_at(blocks);
    for (int run = 0; run < kRuns; ++run, elements += kRun) {
      const std::byte scales = blocks[66 + run];
      for (int g = 0; g < 4; ++g) {
        const auto q = load_at<uint16_t>(blocks + 2 + (run * 4 + g) * 2);
        const float scale = d * (0.5f + float(bits_of(scales, g / 2 * 4, 4))) * 0.25f;
        put_eight(scale, kIq2XsGrid[q & 511u], with_parity(q >> 9), elements + g * 8);
      }
    }
  }
}

// Lower 8 bits of points, signs, upper 2 bits of points, scales of 4 bits for 16 elements.
void decode_iq2_s(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 82) {
    const float d = f16_at(blocks);
    for (int run = 0; run < kRuns; ++run, elements += kRun) {
      const std::byte high = blocks[66 + run], scales = blocks[74 + run];
      for (int g = 0; g < 4; ++g) {
        const std::byte* low = blocks + 2 + run * 4 + g;
        const int point = u8_at(low) | bits_of(high, 2 * g, 2) << 8;
        const float scale = d * (0.5f + float(bits_of(scales, g / 2 * 4, 4))) * 0.25f;
        put_eight(scale, kIq2SGrid[size_t(point)], u8_at(low + 32), elements + g * 8);
      }
    }
  }
}

void decode_iq3_xxs(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 98) {
    const float d = f16_at(blocks);
    for (int run = 0; run < kRuns; ++run, elements += kRun) {
      const std::byte* points = blocks + 2 + run * 8;
      const auto packed = load_at<uint32_t>(blocks + 66 + run * 4);
      const float scale = d * scale_of(packed) * 0.5f;
      for (int g = 0; g < 4; ++g)
        put_fours(scale, kIq3XxsValues, kIq3XxsGrid[size_t(u8_at(points + 2 * g))],
                  kIq3XxsGrid[size_t(u8_at(points + 2 * g + 1))], signs_of(packed, g),
                  elements + g * 8);
    }
  }
}

// Lower 8 bits of points, their ninth bits, signs, scales of 4 bits for 32 elements.
void decode_iq3_s(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 110) {
    const float d = f16_at(blocks);
    for (int run = 0; run < kRuns; ++run, elements += kRun) {
      const std::byte* low = blocks + 2 + run * 8;
      const std::byte high = blocks[66 + run];
      const std::byte* signs = blocks + 74 + run * 4;
      const float scale = d * float(1 + 2 * bits_of(blocks[106 + run / 2], run % 2 * 4, 4));
      for (int g = 0; g < 4; ++g) {
        const int a = u8_at(low + 2 * g) | bits_of(high, 2 * g, 1) << 8;
        const int b = u8_at(low + 2 * g + 1) | bits_of(high, 2 * g + 1, 1) << 8;
        put_fours(scale, kIq3SValues, kIq3SGrid[size_t(a)], kIq3SGrid[size_t(b)], u8_at(signs + g),
                  elements + g * 8);
      }
    }
  }
}

// Lower 8 bits of points; for each run 16 bits: four times 3 upper bits, a scale of 3, the shift.
void decode_iq1_s(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 50) {
    const float d = f16_at(blocks);
    for (int run = 0; run < kRuns; ++run, elements += kRun) {
      const int high = load_at<uint16_t>(blocks + 34 + run * 2);
      const float scale = d * float(2 * (high >> 12 & 7) + 1);
      for (int g = 0; g < 4; ++g) {
        const int point = u8_at(blocks + 2 + run * 4 + g) | (high >> 3 * g & 7) << 8;
        put_ternary(scale, kIq1Grid[size_t(point)], (high & 0x8000) != 0, elements + g * 8);
      }
    }
  }
}

// Lower 8 bits of points; 4 bits for each: 3 upper ones and the shift; four numbers of 16 bits with
// four scales of 3 bits for 16 elements each, whose upper bits make up the scale of the block.
void decode_iq1_m(const std::byte* blocks, int64_t count, float* elements) {
  for (; count > 0; --count, blocks += 56) {
    int scales[4], d_bits = 0;
    for (int i = 0; i < 4; ++i) {
      scales[i] = load_at<uint16_t>(blocks + 48 + i * 2);
      d_bits |= scales[i] >> 12 << 4 * i;
    }
    const float d = f16_to_f32(uint16_t(d_bits));
    for (int run = 0; run < kRuns; ++run, elements += kRun) {
      for (int g = 0; g < 4; ++g) {
        const int high = bits_of(blocks[32 + run * 2 + g / 2], g % 2 * 4, 4);
        const int point = u8_at(blocks + run * 4 + g) | (high & 7) << 8;
        const float scale = d * float(2 * (scales[run / 2] >> (run % 2 * 6 + g / 2 * 3) & 7) + 1);
        put_ternary(scale, kIq1Grid[size_t(point)], (high & 8) != 0, elements + g * 8);
      }
    }
  }
}

}  // namespace hone
