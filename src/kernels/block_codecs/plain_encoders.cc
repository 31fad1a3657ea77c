#include "kernels/block_codecs/plain_encoders.h"

#include <bit>
#include <cstring>

#include "base/multiversion.h"
#include "kernels/half.h"

namespace hone::kernels {
namespace {

constexpr int kElements = 32, kHalf = 16;

void put(std::byte* at, float value) {
  const uint16_t bits = to_f16(value);
  std::memcpy(at, &bits, sizeof bits);
}

// As a code from 0 to `most`; 0 for what is no number.
inline int code(float v, int most) { return v > 0 ? (v < float(most) ? int(v) : most) : 0; }
// Halves away from zero, as the formats with signs have it; 0 for what is no number.
inline int rounded_away(float v, int most) {
  const float size = v < 0 ? -v : v;
  const int down = size < float(most) ? int(size) : size > 0 ? most : 0;
  const int n = size - float(down) >= 0.5f && down < most ? down + 1 : down;
  return v < 0 ? -n : n;
}

// The element farthest from zero, the first of those.
template <int kCount>
float farthest(const float* x) {
  float most = 0, value = 0;
  for (int i = 0; i < kCount; ++i) {
    const float size = x[i] < 0 ? -x[i] : x[i];
    if (size > most) most = size, value = x[i];
  }
  return value;
}

// Codes of x over a scale that puts the farthest element to `least`. In f64, as the rounding of a
// fused product and sum is part of the reference.
void codes_below(const float* x, float scale, int least, uint8_t* q) {
  const double by = scale != 0 ? double(1 / scale) : 0, half = 0.5 - least;
  for (int i = 0; i < kElements; ++i)
    q[i] = uint8_t(code(float(double(x[i]) * by + half), -2 * least - 1));
}

struct Range {
  float least, step;
};
// The least element, and the step of `most` codes from it to the greatest.
Range range_of(const float* x, int most, uint8_t* q) {
  float low = x[0], high = x[0];
  for (int i = 1; i < kElements; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  const float step = (high - low) / float(most), by = step != 0 ? 1 / step : 0;
  for (int i = 0; i < kElements; ++i) q[i] = uint8_t(code((x[i] - low) * by + 0.5f, most));
  return {low, step};
}

void put_nibbles(const uint8_t* q, std::byte* out) {
  for (int i = 0; i < kHalf; ++i) out[i] = std::byte((q[i] & 15) | (q[i + kHalf] & 15) << 4);
}
void put_fifths(const uint8_t* q, std::byte* out) {
  uint32_t bits = 0;
  for (int i = 0; i < kElements; ++i) bits |= uint32_t(q[i] >> 4) << i;
  std::memcpy(out, &bits, sizeof bits);
}

// 256 of -1, 0 and 1, as 0, 1 and 2; the scale that goes with them.
float ternary(const float* x, uint8_t* q) {
  const float far = farthest<256>(x), scale = far < 0 ? -far : far;
  const float by = scale != 0 ? 1 / scale : 0;
  for (int i = 0; i < 256; ++i) q[i] = uint8_t(rounded_away(x[i] * by, 1) + 1);
  return scale;
}

// 2^(exponent - 128): half of the scale, as the levels below are doubled.
float half_of_power(int exponent) {
  return std::bit_cast<float>(exponent < 2 ? uint32_t{0x200000} << exponent
                                           : uint32_t(exponent - 1) << 23);
}
constexpr float kFp4Levels[8] = {0, 1, 2, 3, 4, 6, 8, 12};

// Nearest levels at a scale, and their weighted squared error.
float fp4_codes(const float* x, const float* importance, float half, uint8_t* q) {
  float error = 0;
  for (int i = 0; i < kElements; ++i) {
    const float size = x[i] < 0 ? -x[i] : x[i];
    int at = 0;
    for (int l = 1; l < 8; ++l) at += size > half * (kFp4Levels[l - 1] + kFp4Levels[l]) / 2 ? 1 : 0;
    const float miss = half * kFp4Levels[at] - size;
    error += (importance ? importance[i] : 1.0f) * miss * miss;
    q[i] = uint8_t(x[i] < 0 && at != 0 ? at | 8 : at);
  }
  return error;
}

}  // namespace

HONE_MULTIVERSION void plain_q4_0(const float* x, const float*, int64_t count, std::byte* blocks) {
  for (; count > 0; --count, x += kElements, blocks += 18) {
    uint8_t q[kElements];
    const float scale = farthest<kElements>(x) / -8;
    codes_below(x, scale, -8, q);
    put(blocks, scale);
    put_nibbles(q, blocks + 2);
  }
}

HONE_MULTIVERSION void plain_q5_0(const float* x, const float*, int64_t count, std::byte* blocks) {
  for (; count > 0; --count, x += kElements, blocks += 22) {
    uint8_t q[kElements];
    const float scale = farthest<kElements>(x) / -16;
    codes_below(x, scale, -16, q);
    put(blocks, scale);
    put_fifths(q, blocks + 2);
    put_nibbles(q, blocks + 6);
  }
}

HONE_MULTIVERSION void plain_q4_1(const float* x, const float*, int64_t count, std::byte* blocks) {
  for (; count > 0; --count, x += kElements, blocks += 20) {
    uint8_t q[kElements];
    const Range range = range_of(x, 15, q);
    put(blocks, range.step);
    put(blocks + 2, range.least);
    put_nibbles(q, blocks + 4);
  }
}

HONE_MULTIVERSION void plain_q5_1(const float* x, const float*, int64_t count, std::byte* blocks) {
  for (; count > 0; --count, x += kElements, blocks += 24) {
    uint8_t q[kElements];
    const Range range = range_of(x, 31, q);
    put(blocks, range.step);
    put(blocks + 2, range.least);
    put_fifths(q, blocks + 4);
    put_nibbles(q, blocks + 8);
  }
}

HONE_MULTIVERSION void plain_q8_0(const float* x, const float*, int64_t count, std::byte* blocks) {
  for (; count > 0; --count, x += kElements, blocks += 34) {
    float most = 0;
    for (int i = 0; i < kElements; ++i) {
      const float size = x[i] < 0 ? -x[i] : x[i];
      most = size > most ? size : most;
    }
    const float scale = most / 127, by = scale != 0 ? 1 / scale : 0;
    put(blocks, scale);
    for (int i = 0; i < kElements; ++i) {
      blocks[2 + i] = std::byte(int8_t(rounded_away(x[i] * by, 127)));
    }
  }
}

// Five digits in base three are a fraction of 256, rounded up; the last four bytes have four
// digits.
HONE_MULTIVERSION void plain_tq1_0(const float* x, const float*, int64_t count, std::byte* blocks) {
  struct Part {
    int from, bytes, digits;
  };
  constexpr Part kParts[] = {{0, 32, 5}, {160, 16, 5}, {240, 4, 4}};
  for (; count > 0; --count, x += 256, blocks += 54) {
    uint8_t q[256];
    put(blocks + 52, ternary(x, q));
    std::byte* out = blocks;
    for (const auto [from, bytes, digits] : kParts) {
      for (int m = 0; m < bytes; ++m) {
        int number = 0;
        for (int n = 0; n < 5; ++n)
          number = number * 3 + (n < digits ? q[from + n * bytes + m] : 0);
        *out++ = std::byte((number * 256 + 242) / 243);
      }
    }
  }
}

HONE_MULTIVERSION void plain_tq2_0(const float* x, const float*, int64_t count, std::byte* blocks) {
  for (; count > 0; --count, x += 256, blocks += 66) {
    uint8_t q[256];
    put(blocks + 64, ternary(x, q));
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < 32; ++i) {
        const uint8_t* of = q + half * 128 + i;
        blocks[half * 32 + i] = std::byte(of[0] | of[32] << 2 | of[64] << 4 | of[96] << 6);
      }
    }
  }
}

HONE_MULTIVERSION void plain_mxfp4(const float* x, const float* importance, int64_t count,
                                   std::byte* blocks) {
  for (; count > 0; --count, x += kElements, blocks += 17) {
    const float far = farthest<kElements>(x), most = far < 0 ? -far : far;
    // The greatest level, 6, at the power that has the farthest element between 4 and 8.
    const int usual = int(std::bit_cast<uint32_t>(most) >> 23) - 2;
    float least = 3e38f;
    uint8_t q[kElements], best[kElements] = {};
    int chosen = 0;
    for (int e = usual - 1; e <= usual + 1; ++e) {
      if (e < 0 || e > 254 || most == 0) continue;
      const float error = fp4_codes(x, importance, half_of_power(e), q);
      if (!(error < least)) continue;
      least = error;
      chosen = e;
      std::memcpy(best, q, sizeof best);
    }
    blocks[0] = std::byte(chosen);
    put_nibbles(best, blocks + 1);
    if (importance) importance += kElements;
  }
}

}  // namespace hone::kernels
