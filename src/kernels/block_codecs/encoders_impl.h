// The encoders of the formats with searched scales, for the instruction set of the including file.
#pragma once

#include <cstddef>

#include "kernels/block_codecs/block_encoders.h"
#include "kernels/block_codecs/search_impl.h"
#include "kernels/half.h"

namespace hone::kernels {
namespace {

constexpr float kIq4Levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                  1,    13,   25,  38,  53,  69,  89,  113};
constexpr float kNf4Levels[16] = {-1.0f,
                                  -0.6961928009986877f,
                                  -0.5250730514526367f,
                                  -0.39491748809814453f,
                                  -0.28444138169288635f,
                                  -0.18477343022823334f,
                                  -0.09105003625154495f,
                                  0.0f,
                                  0.07958029955625534f,
                                  0.16093020141124725f,
                                  0.24611230194568634f,
                                  0.33791524171829224f,
                                  0.44070982933044434f,
                                  0.5626170039176941f,
                                  0.7229568362236023f,
                                  1.0f};
struct Middles {
  float at[15];
  constexpr explicit Middles(const float* levels) : at{} {
    for (int i = 0; i < 15; ++i) at[i] = (levels[i] + levels[i + 1]) / 2;
  }
};
constexpr Middles kIq4Middles{kIq4Levels}, kNf4Middles{kNf4Levels};
constexpr TableLevels kIq4{kIq4Levels, kIq4Middles.at}, kNf4{kNf4Levels, kNf4Middles.at};

inline void put_half(std::byte* at, float value) {
  const uint16_t bits = to_f16(value);
  std::memcpy(at, &bits, sizeof bits);
}
inline float halved(float value) { return from_f16(to_f16(value)); }  // as the file will hold it
inline float within(float v, float least, float most) {
  return v > least ? (v < most ? v : most) : least;
}
// To the nearest; for what lies within 2^22.
inline float whole(float v) { return (v + 12582912.0f) - 12582912.0f; }

// The codes of the run in lane k, as bytes.
void codes_of(const float (*code)[kLanes], int n, int k, uint8_t* out) {
  for (int i = 0; i < n; ++i) out[i] = uint8_t(int(code[i][k]));
}

// Calls use(first run, runs) with groups of whole blocks of `per_block` runs.
template <class Use>
void each_group(int64_t blocks, int per_block, const Use& use) {
  const int64_t at_once = kLanes / per_block;
  for (int64_t b = 0; b < blocks; b += at_once) {
    use(b, int(blocks - b < at_once ? blocks - b : at_once));
  }
}

// --- one scale, or scale and offset, for each block ---------------------------------------------

// `put(block, scale, offset, codes)`: scale and offset are what f16 holds.
template <int kElements, class Put>
void encode_affine(const float* x, const float* importance, int64_t count,
                   const AffineSearch& search, int64_t bytes, std::byte* blocks, const Put& put) {
  Group g;
  g.n = kElements;
  each_group(count, 1, [&](int64_t b, int runs) {
    const int64_t from = b * kElements;
    gather(g, x + from, importance ? importance + from : nullptr, runs);
    float offsets[kLanes];
    AffineSteps s;
    search_affine(g, search, s.scale_step, offsets);
    for (int k = 0; k < kLanes; ++k) {
      s.scale_step[k] = halved(s.scale_step[k]);
      s.least_step[k] = -halved(offsets[k]);
      s.scale[k] = s.least[k] = 1;
    }
    AffineCodes codes;
    affine_codes(g, search.most, s, codes);
    for (int k = 0; k < runs; ++k) {
      uint8_t q[kElements];
      codes_of(codes.code, kElements, k, q);
      put(blocks + (b + k) * bytes, s.scale_step[k], -s.least_step[k], q);
    }
  });
}

template <int kElements, class Levels, class Put>
void encode_scaled(const float* x, const float* importance, int64_t count, const Levels& levels,
                   const ScaleSearch& search, int64_t bytes, std::byte* blocks, const Put& put) {
  Group g;
  g.n = kElements;
  each_group(count, 1, [&](int64_t b, int runs) {
    const int64_t from = b * kElements;
    gather(g, x + from, importance ? importance + from : nullptr, runs);
    ScaleSteps s;
    search_scale(g, levels, search, s.step);
    for (int k = 0; k < kLanes; ++k) {
      s.step[k] = halved(s.step[k]);
      s.scale[k] = 1;
    }
    ScaleCodes codes;
    scale_codes(g, levels, s, codes);
    for (int k = 0; k < runs; ++k) {
      uint8_t q[kElements];
      codes_of(codes.code, kElements, k, q);
      put(blocks + (b + k) * bytes, s.step[k], q);
    }
  });
}

// 32 codes as the low and high nibbles of 16 bytes.
void put_nibbles(const uint8_t* q, int half, std::byte* out) {
  for (int i = 0; i < half; ++i) out[i] = std::byte((q[i] & 15) | (q[i + half] & 15) << 4);
}
// The fifth bits of 32 codes.
void put_fifths(const uint8_t* q, std::byte* out) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= uint32_t(q[i] >> 4 & 1) << i;
  std::memcpy(out, &bits, sizeof bits);
}

constexpr ScaleSearch kPlainScale{0.8f, 0.025f, 17, 2};

void encode_q4_0(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_scaled<32>(x, importance, count, EvenLevels{-8, 7}, kPlainScale, 18, blocks,
                    [](std::byte* out, float scale, const uint8_t* q) {
                      put_half(out, scale);
                      put_nibbles(q, 16, out + 2);
                    });
}
void encode_q5_0(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_scaled<32>(x, importance, count, EvenLevels{-16, 15}, kPlainScale, 22, blocks,
                    [](std::byte* out, float scale, const uint8_t* q) {
                      put_half(out, scale);
                      put_fifths(q, out + 2);
                      put_nibbles(q, 16, out + 6);
                    });
}
void encode_q4_1(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_affine<32>(x, importance, count, {15, -0.8f, 0.15f, 16, 4, true}, 20, blocks,
                    [](std::byte* out, float scale, float offset, const uint8_t* q) {
                      put_half(out, scale);
                      put_half(out + 2, offset);
                      put_nibbles(q, 16, out + 4);
                    });
}
void encode_q5_1(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_affine<32>(x, importance, count, {31, -0.8f, 0.15f, 16, 4, true}, 24, blocks,
                    [](std::byte* out, float scale, float offset, const uint8_t* q) {
                      put_half(out, scale);
                      put_half(out + 2, offset);
                      put_fifths(q, out + 4);
                      put_nibbles(q, 16, out + 8);
                    });
}
void encode_iq4_nl(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_scaled<32>(x, importance, count, kIq4, kPlainScale, 18, blocks,
                    [](std::byte* out, float scale, const uint8_t* q) {
                      put_half(out, scale);
                      put_nibbles(q, 16, out + 2);
                    });
}
void encode_nf4(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_scaled<64>(x, importance, count, kNf4, kPlainScale, 34, blocks,
                    [](std::byte* out, float scale, const uint8_t* q) {
                      put_half(out, scale);
                      put_nibbles(q, 32, out + 2);
                    });
}

// --- scales and minima that are integers of a block's own ---------------------------------------

struct AffineBlock {
  float scale_step, least_step;  // what f16 holds
  int scale[kLanes], least[kLanes];
  uint8_t code[256];
};

// The steps of a block's scales: such that the largest is `limit`.
float step_for(const float* v, int runs, float limit) {
  float most = 0;
  for (int k = 0; k < runs; ++k) most = v[k] > most ? v[k] : most;
  return halved(most / limit);
}

// Of the runs from k on, makes integers of scales and minima with these steps.
void set_steps(AffineSteps& s, int k, int runs, float scale_step, float least_step) {
  for (int r = k; r < k + runs; ++r) s.scale_step[r] = scale_step, s.least_step[r] = least_step;
}

// The steps that fit the codes of a block best; false where there are none.
bool solve_steps(const AffineCodes& c, const AffineSteps& s, int k, int runs, float* scale_step,
                 float* least_step) {
  double ll = 0, lm = 0, mm = 0, xl = 0, xm = 0;
  for (int r = k; r < k + runs; ++r) {
    const double p = s.scale[r], q = s.least[r];
    ll += p * p * c.l2[r];
    lm += p * q * c.l[r];
    mm += q * q * c.w[r];
    xl += p * c.xl[r];
    xm += q * c.wx[r];
  }
  if (!(ll > 0)) return false;
  const double determinant = ll * mm - lm * lm;
  double scale = xl / ll, least = 0;
  if (determinant > 1e-9 * ll * mm) {
    scale = (xl * mm - lm * xm) / determinant;
    least = (lm * xl - ll * xm) / determinant;
  }
  if (!(scale > 0) || !(least >= 0)) return false;
  *scale_step = halved(float(scale));
  *least_step = halved(float(least));
  return true;
}

float sum(const float* v, int n) {
  float out = 0;
  for (int i = 0; i < n; ++i) out += v[i];
  return out;
}

// Blocks of `kRuns` runs: codes up to `most`, scales and minima up to `limit`.
template <int kRuns, class Put>
void encode_affine_blocks(const float* x, const float* importance, int64_t count,
                          const AffineSearch& search, float limit, int64_t bytes, std::byte* blocks,
                          const Put& put) {
  constexpr int kRun = 256 / kRuns;
  Group g;
  g.n = kRun;
  each_group(count, kRuns, [&](int64_t b, int n) {
    gather(g, x + b * 256, importance ? importance + b * 256 : nullptr, n * kRuns);
    float scales[kLanes], offsets[kLanes];
    search_affine(g, search, scales, offsets);
    AffineSteps s;
    for (int k = 0; k < kLanes; ++k) offsets[k] = -offsets[k];
    for (int k = 0; k < kLanes; k += kRuns) {
      set_steps(s, k, kRuns, step_for(scales + k, kRuns, limit),
                step_for(offsets + k, kRuns, limit));
    }
    for (int k = 0; k < kLanes; ++k) {
      const float p = s.scale_step[k], q = s.least_step[k];
      s.scale[k] = p > 0 ? whole(within(scales[k] / p, 0, limit)) : 0;
      s.least[k] = q > 0 ? whole(within(offsets[k] / q, 0, limit)) : 0;
    }
    choose_affine(g, search.most, limit, 1, s);
    AffineCodes codes;
    affine_codes(g, search.most, s, codes);
    AffineSteps other = s;
    bool any = false;
    for (int k = 0; k < kLanes; k += kRuns) {
      float p = s.scale_step[k], q = s.least_step[k];
      any |= solve_steps(codes, s, k, kRuns, &p, &q);
      set_steps(other, k, kRuns, p, q);
    }
    if (any) {
      choose_affine(g, search.most, limit, 1, other);
      for (int k = 0; k < kLanes; k += kRuns) {
        if (!(sum(other.error + k, kRuns) < sum(s.error + k, kRuns))) continue;
        set_steps(s, k, kRuns, other.scale_step[k], other.least_step[k]);
        for (int r = k; r < k + kRuns; ++r)
          s.scale[r] = other.scale[r], s.least[r] = other.least[r];
      }
      affine_codes(g, search.most, s, codes);
    }
    for (int i = 0; i < n; ++i) {
      AffineBlock block;
      const int k = i * kRuns;
      block.scale_step = s.scale_step[k];
      block.least_step = s.least_step[k];
      for (int r = 0; r < kRuns; ++r) {
        block.scale[r] = int(s.scale[k + r]);
        block.least[r] = int(s.least[k + r]);
        codes_of(codes.code, kRun, k + r, block.code + r * kRun);
      }
      put(block, blocks + (b + i) * bytes);
    }
  });
}

// Pairs of bits: those of four runs of 32 codes in 32 bytes.
void put_pairs(const uint8_t* q, std::byte* out) {
  for (int half = 0; half < 2; ++half, q += 128, out += 32) {
    for (int i = 0; i < 32; ++i) {
      out[i] = std::byte((q[i] & 3) | (q[i + 32] & 3) << 2 | (q[i + 64] & 3) << 4 |
                         (q[i + 96] & 3) << 6);
    }
  }
}
void put_nibbles_by_runs(const uint8_t* q, std::byte* out) {
  for (int i = 0; i < 4; ++i) put_nibbles(q + i * 64, 32, out + i * 32);
}
// Eight scales and minima of 6 bits in 12 bytes.
void put_k_scales(const AffineBlock& b, std::byte* out) {
  for (int i = 0; i < 4; ++i) {
    out[i] = std::byte(b.scale[i] | b.scale[i + 4] >> 4 << 6);
    out[4 + i] = std::byte(b.least[i] | b.least[i + 4] >> 4 << 6);
    out[8 + i] = std::byte((b.scale[i + 4] & 15) | (b.least[i + 4] & 15) << 4);
  }
}

void encode_q2_k(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_affine_blocks<16>(x, importance, count, {3, -0.9f, 0.15f, 13, 3, false}, 15, 84, blocks,
                           [](const AffineBlock& b, std::byte* out) {
                             for (int r = 0; r < 16; ++r)
                               out[r] = std::byte(b.scale[r] | b.least[r] << 4);
                             put_pairs(b.code, out + 16);
                             put_half(out + 80, b.scale_step);
                             put_half(out + 82, b.least_step);
                           });
}
void encode_q4_k(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_affine_blocks<8>(x, importance, count, {15, -1.0f, 0.2f, 11, 3, false}, 63, 144, blocks,
                          [](const AffineBlock& b, std::byte* out) {
                            put_half(out, b.scale_step);
                            put_half(out + 2, b.least_step);
                            put_k_scales(b, out + 4);
                            put_nibbles_by_runs(b.code, out + 16);
                          });
}
void encode_q5_k(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_affine_blocks<8>(x, importance, count, {31, -1.0f, 0.2f, 11, 3, false}, 63, 176, blocks,
                          [](const AffineBlock& b, std::byte* out) {
                            put_half(out, b.scale_step);
                            put_half(out + 2, b.least_step);
                            put_k_scales(b, out + 4);
                            for (int i = 0; i < 32; ++i) {
                              int bits = 0;
                              for (int r = 0; r < 8; ++r) bits |= (b.code[r * 32 + i] >> 4) << r;
                              out[16 + i] = std::byte(bits);
                            }
                            put_nibbles_by_runs(b.code, out + 48);
                          });
}

// --- scales that are integers of a block's own, without minima ----------------------------------

struct ScaledBlock {
  float step;
  int scale[kLanes];
  uint8_t code[256];
};

// The step of a block's scales: such that the one farthest from zero is `low`.
float signed_step(const float* v, int runs, float low) {
  float farthest = 0;
  for (int k = 0; k < runs; ++k) {
    if (__builtin_fabsf(v[k]) > __builtin_fabsf(farthest)) farthest = v[k];
  }
  return halved(farthest / low);
}

template <int kRuns, class Levels, class Put>
void encode_scaled_blocks(const float* x, const float* importance, int64_t count,
                          const Levels& levels, const ScaleSearch& search, float low, float high,
                          int64_t bytes, std::byte* blocks, const Put& put) {
  constexpr int kRun = 256 / kRuns;
  Group g;
  g.n = kRun;
  each_group(count, kRuns, [&](int64_t b, int n) {
    gather(g, x + b * 256, importance ? importance + b * 256 : nullptr, n * kRuns);
    float scales[kLanes];
    search_scale(g, levels, search, scales);
    ScaleSteps s;
    for (int k = 0; k < kLanes; k += kRuns) {
      const float step = signed_step(scales + k, kRuns, low);
      for (int r = k; r < k + kRuns; ++r) {
        s.step[r] = step;
        s.scale[r] = step != 0 ? whole(within(scales[r] / step, low, high)) : 0;
      }
    }
    choose_scale(g, levels, low, high, 1, s);
    ScaleCodes codes;
    scale_codes(g, levels, s, codes);
    ScaleSteps other = s;
    for (int k = 0; k < kLanes; k += kRuns) {
      double ll = 0, xl = 0;
      for (int r = k; r < k + kRuns; ++r) {
        ll += double(s.scale[r]) * s.scale[r] * codes.l2[r];
        xl += double(s.scale[r]) * codes.xl[r];
      }
      const float step = ll > 0 ? halved(float(xl / ll)) : s.step[k];
      for (int r = k; r < k + kRuns; ++r) other.step[r] = step;
    }
    choose_scale(g, levels, low, high, 1, other);
    for (int k = 0; k < kLanes; k += kRuns) {
      if (!(sum(other.error + k, kRuns) < sum(s.error + k, kRuns))) continue;
      for (int r = k; r < k + kRuns; ++r) s.step[r] = other.step[r], s.scale[r] = other.scale[r];
    }
    scale_codes(g, levels, s, codes);
    for (int i = 0; i < n; ++i) {
      ScaledBlock block;
      const int k = i * kRuns;
      block.step = s.step[k];
      for (int r = 0; r < kRuns; ++r) {
        block.scale[r] = int(s.scale[k + r]);
        codes_of(codes.code, kRun, k + r, block.code + r * kRun);
      }
      put(block, blocks + (b + i) * bytes);
    }
  });
}

// Codes are 0 to 7; the third bit is apart. Scales are 32 above what they are.
void put_q3_k(const ScaledBlock& b, std::byte* out) {
  for (int i = 0; i < 32; ++i) {
    int bits = 0;
    for (int r = 0; r < 8; ++r) bits |= (b.code[r * 32 + i] >> 2) << r;
    out[i] = std::byte(bits);
  }
  put_pairs(b.code, out + 32);
  for (int i = 0; i < 8; ++i) {
    out[96 + i] = std::byte(((b.scale[i] + 32) & 15) | ((b.scale[i + 8] + 32) & 15) << 4);
  }
  for (int i = 0; i < 4; ++i) {
    int bits = 0;
    for (int r = 0; r < 4; ++r) bits |= ((b.scale[i + r * 4] + 32) >> 4) << 2 * r;
    out[104 + i] = std::byte(bits);
  }
  put_half(out + 108, b.step);
}
void encode_q3_k(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_scaled_blocks<16>(x, importance, count, EvenLevels{-4, 3}, ScaleSearch{0.7f, 0.05f, 13, 3},
                           -32, 31, 110, blocks, put_q3_k);
}

void put_q6_k(const ScaledBlock& b, std::byte* out) {
  for (int half = 0; half < 2; ++half) {
    const uint8_t* q = b.code + half * 128;
    for (int i = 0; i < 32; ++i) {
      for (int r = 0; r < 2; ++r) {
        out[half * 64 + r * 32 + i] =
            std::byte((q[r * 32 + i] & 15) | (q[64 + r * 32 + i] & 15) << 4);
      }
      out[128 + half * 32 + i] =
          std::byte(q[i] >> 4 | q[32 + i] >> 4 << 2 | q[64 + i] >> 4 << 4 | q[96 + i] >> 4 << 6);
    }
  }
  for (int r = 0; r < 16; ++r) out[192 + r] = std::byte(int8_t(b.scale[r]));
  put_half(out + 208, b.step);
}
void encode_q6_k(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_scaled_blocks<16>(x, importance, count, EvenLevels{-32, 31},
                           ScaleSearch{0.94f, 0.01f, 13, 3}, -128, 127, 210, blocks, put_q6_k);
}

void encode_iq4_xs(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  encode_scaled_blocks<8>(x, importance, count, kIq4, ScaleSearch{0.8f, 0.03f, 14, 2}, -32, 31, 136,
                          blocks, [](const ScaledBlock& b, std::byte* out) {
                            put_half(out, b.step);
                            int high = 0;
                            for (int r = 0; r < 8; ++r) high |= ((b.scale[r] + 32) >> 4) << 2 * r;
                            out[2] = std::byte(high & 255);
                            out[3] = std::byte(high >> 8);
                            for (int i = 0; i < 4; ++i) {
                              out[4 + i] = std::byte(((b.scale[2 * i] + 32) & 15) |
                                                     ((b.scale[2 * i + 1] + 32) & 15) << 4);
                            }
                            for (int r = 0; r < 8; ++r)
                              put_nibbles(b.code + r * 32, 16, out + 8 + r * 16);
                          });
}

constexpr SearchedEncoders kEncoders{encode_q4_0, encode_q4_1,   encode_q5_0,   encode_q5_1,
                                     encode_q2_k, encode_q3_k,   encode_q4_k,   encode_q5_k,
                                     encode_q6_k, encode_iq4_nl, encode_iq4_xs, encode_nf4};

}  // namespace
}  // namespace hone::kernels
