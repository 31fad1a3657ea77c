// Codes to bytes.
#pragma once

#include "kernels/block_gemm/block_gemm.h"
#include "kernels/vector.h"

namespace hone::kernels {
namespace {

// Bytes of codes, as many as a vector has: four of each of some columns, side by side. left() and
// right() move every byte by n bits, under a mask that keeps bytes apart. Factors are those of the
// columns of a vector, fine scales times 2^(8 - bits); scaled() gives (q + shift / 2^8) factor /
// 2^7, rounded, where shifts are those of factors of 16 bits, times 2^(bits - 1).
#if defined(__AVX512F__)
struct Codes {
  static constexpr int64_t kWidth = 64;
  __m512i v;
  static Codes all(uint8_t x) { return {_mm512_set1_epi8(char(x))}; }
  static Codes load(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
  void store(uint8_t* p) const { _mm512_storeu_si512(p, v); }
  static Codes table(const uint8_t* p) {
    return {_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  Codes among(Codes table) const { return {_mm512_shuffle_epi8(table.v, v)}; }
  Codes left(int n, Codes mask) const {
    return {_mm512_and_si512(_mm512_slli_epi16(v, unsigned(n)), mask.v)};
  }
  Codes right(int n, Codes mask) const {
    return {_mm512_and_si512(_mm512_srli_epi16(v, unsigned(n)), mask.v)};
  }
  Codes operator|(Codes b) const { return {_mm512_or_si512(v, b.v)}; }
  Codes operator^(Codes b) const { return {_mm512_xor_si512(v, b.v)}; }
  Codes operator-(Codes less) const { return {_mm512_sub_epi8(v, less.v)}; }
  struct Factors {
    __m512i v, shift;  // in both halves of 32 bits
  };
  static Factors factors(const int8_t* fine, int left) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(fine));
    const __m256i twice = _mm256_set_m128i(_mm_unpackhi_epi8(x, x), _mm_unpacklo_epi8(x, x));
    return {_mm512_slli_epi16(_mm512_cvtepi8_epi16(twice), unsigned(left)), _mm512_setzero_si512()};
  }
  static Factors factors(const int16_t* shifted, int left) {
    const __m512i wide =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(shifted)));
    const __m512i x = _mm512_or_si512(wide, _mm512_slli_epi32(wide, 16));
    const __m512i fine = _mm512_and_si512(x, _mm512_set1_epi16(127));
    return {_mm512_slli_epi16(fine, unsigned(left)),
            _mm512_slli_epi16(_mm512_srai_epi16(x, 7), unsigned(7 - left))};
  }
  template <bool kShifted>
  Codes scaled(const Factors& f) const {
    __m512i even = _mm512_slli_epi16(v, 8);
    __m512i odd = _mm512_and_si512(v, _mm512_set1_epi16(int16_t(0xff00)));
    if constexpr (kShifted) {
      even = _mm512_add_epi16(even, f.shift);
      odd = _mm512_add_epi16(odd, f.shift);
    }
    even = _mm512_mulhrs_epi16(even, f.v);
    odd = _mm512_mulhrs_epi16(odd, f.v);
    return {_mm512_mask_blend_epi8(0xaaaaaaaaaaaaaaaa, even, _mm512_slli_epi16(odd, 8))};
  }
};
#elif defined(__AVX2__)
struct Codes {
  static constexpr int64_t kWidth = 32;
  __m256i v;
  static Codes all(uint8_t x) { return {_mm256_set1_epi8(char(x))}; }
  static Codes load(const uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
  }
  void store(uint8_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static Codes table(const uint8_t* p) {
    return {_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  Codes among(Codes table) const { return {_mm256_shuffle_epi8(table.v, v)}; }
  Codes left(int n, Codes mask) const {
    return {_mm256_and_si256(_mm256_slli_epi16(v, n), mask.v)};
  }
  Codes right(int n, Codes mask) const {
    return {_mm256_and_si256(_mm256_srli_epi16(v, n), mask.v)};
  }
  Codes operator|(Codes b) const { return {_mm256_or_si256(v, b.v)}; }
  Codes operator^(Codes b) const { return {_mm256_xor_si256(v, b.v)}; }
  Codes operator-(Codes less) const { return {_mm256_sub_epi8(v, less.v)}; }
  struct Factors {
    __m256i v, shift;  // in both halves of 32 bits
  };
  static Factors factors(const int8_t* fine, int left) {
    const __m128i x = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(fine));
    return {_mm256_slli_epi16(_mm256_cvtepi8_epi16(_mm_unpacklo_epi8(x, x)), left),
            _mm256_setzero_si256()};
  }
  static Factors factors(const int16_t* shifted, int left) {
    const __m256i wide =
        _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(shifted)));
    const __m256i x = _mm256_or_si256(wide, _mm256_slli_epi32(wide, 16));
    const __m256i fine = _mm256_and_si256(x, _mm256_set1_epi16(127));
    return {_mm256_slli_epi16(fine, left), _mm256_slli_epi16(_mm256_srai_epi16(x, 7), 7 - left)};
  }
  template <bool kShifted>
  Codes scaled(const Factors& f) const {
    const __m256i high = _mm256_set1_epi16(int16_t(0xff00));
    __m256i even = _mm256_slli_epi16(v, 8), odd = _mm256_and_si256(v, high);
    if constexpr (kShifted) {
      even = _mm256_add_epi16(even, f.shift);
      odd = _mm256_add_epi16(odd, f.shift);
    }
    even = _mm256_mulhrs_epi16(even, f.v);
    odd = _mm256_mulhrs_epi16(odd, f.v);
    return {_mm256_or_si256(_mm256_andnot_si256(high, even), _mm256_slli_epi16(odd, 8))};
  }
};
#else
struct Codes {
  static constexpr int64_t kWidth = 16;
  using Lanes = uint8_t __attribute__((vector_size(16)));
  Lanes v;
  static Codes all(uint8_t x) { return {Lanes{} + x}; }
  static Codes load(const uint8_t* p) {
    Codes out;
    std::memcpy(&out.v, p, sizeof out.v);
    return out;
  }
  void store(uint8_t* p) const { std::memcpy(p, &v, sizeof v); }
  static Codes table(const uint8_t* p) { return load(p); }
  Codes among(Codes table) const {
    Codes out;
    for (int i = 0; i < 16; ++i) out.v[i] = table.v[v[i]];
    return out;
  }
  Codes left(int n, Codes mask) const { return {(v << n) & mask.v}; }
  Codes right(int n, Codes mask) const { return {(v >> n) & mask.v}; }
  Codes operator|(Codes b) const { return {v | b.v}; }
  Codes operator^(Codes b) const { return {v ^ b.v}; }
  Codes operator-(Codes less) const { return {v - less.v}; }
  struct Factors {
    int32_t of[4], shift[4];
  };
  static Factors factors(const int8_t* fine, int left) {
    Factors f{};
    for (int j = 0; j < 4; ++j) f.of[j] = fine[j] * (1 << left);
    return f;
  }
  static Factors factors(const int16_t* shifted, int left) {
    Factors f;
    for (int j = 0; j < 4; ++j) {
      f.of[j] = (shifted[j] & 127) << left;
      f.shift[j] = (shifted[j] >> 7) * (1 << (7 - left));
    }
    return f;
  }
  template <bool kShifted>
  Codes scaled(const Factors& f) const {
    Codes out;
    for (int i = 0; i < 16; ++i) {
      const int32_t q = int8_t(v[i]) * 256 + (kShifted ? f.shift[i / 4] : 0);
      out.v[i] = uint8_t((q * f.of[i / 4] + (1 << 14)) >> 15);
    }
    return out;
  }
};
#endif

inline constexpr int64_t kGroupRow = 4 * kBlockPanel;  // bytes of a group of all columns

// The plane of the low bits of codes, and that of those above.
constexpr int low_bits(int bits) { return bits == 3 ? 2 : bits == 5 || bits == 6 ? 4 : bits; }
constexpr int high_bits(int bits) { return bits - low_bits(bits); }

// Group g at byte i of a plane of kPlane bits, from bit kTo on.
template <int kPlane, int kTo>
inline Codes plane_codes(const uint8_t* plane, int g, int64_t i) {
  const Codes x = Codes::load(plane + g % kPlane * kGroupRow + i);
  if constexpr (kPlane == 8) return x;
  const Codes mask = Codes::all(uint8_t(((1 << kPlane) - 1) << kTo));
  const int from = g / kPlane * kPlane;
  return from > kTo ? x.right(from - kTo, mask) : x.left(kTo - from, mask);
}

template <int kBits>
inline Codes group_codes(const uint8_t* unit, int g, int64_t i) {
  constexpr int kLow = low_bits(kBits), kHigh = high_bits(kBits);
  const Codes low = plane_codes<kLow, 0>(unit, g, i);
  if constexpr (kHigh > 0) return low | plane_codes<kHigh, kLow>(unit + kLow * kGroupRow, g, i);
  return low;
}

template <int kBits>
void expand_units(const BlockExpansion& e) {
  const Codes less = Codes::all(e.less);
  const Codes table = e.lookup ? Codes::table(e.lookup) : Codes::all(0);
  const uint8_t* from = e.codes;
  uint8_t* to = e.to;
  for (int64_t u = 0; u < e.units; ++u, from += kBits * kGroupRow)
#pragma GCC unroll 8
    for (int g = 0; g < 8; ++g, to += kGroupRow)
#pragma GCC unroll 4
      for (int64_t i = 0; i < kGroupRow; i += Codes::kWidth) {
        Codes x = group_codes<kBits>(from, g, i);
        if constexpr (kBits == 4)
          if (e.lookup) x = x.among(table);
        (x - less).store(to + i);
      }
}

// What the codes of a block become levels with.
template <int kBits, bool kShifted>
struct LevelRule {
  static constexpr int kVectors = int(kGroupRow / Codes::kWidth);
  static constexpr int64_t kColumns = Codes::kWidth / 4;  // of a vector
  Codes::Factors factors[kVectors] = {};

  // Entries of a table are bytes.
  void load(const BlockLevels& levels, int64_t block, bool table) {
    const int left = table ? 0 : 8 - kBits;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = block * kBlockPanel + v * kColumns;
      if constexpr (kShifted)
        factors[v] = Codes::factors(levels.shifted + at, left);
      else
        factors[v] = Codes::factors(levels.fine + at, left);
    }
  }
};

// A unit is of one block, or each half of one.
template <int kBits, bool kShifted>
void expand_levels(const BlockExpansion& e) {
  const Codes less = Codes::all(e.less), turn = Codes::all(e.turn);
  const Codes table = e.lookup ? Codes::table(e.lookup) : Codes::all(0);
  const uint8_t* from = e.codes;
  uint8_t* to = e.to;
  LevelRule<kBits, kShifted> rule;
  int64_t loaded = -1;
  for (int64_t u = 0; u < e.units; ++u, from += kBits * kGroupRow)
#pragma GCC unroll 8
    for (int g = 0; g < 8; ++g, to += kGroupRow) {
      if (g % 4 == 0) {
        // Behind the last block half a unit may be left.
        const int64_t at = (u * kBlockUnit + g * 4) / e.block_rows;
        const int64_t block = at < e.blocks ? at : e.blocks - 1;
        if (block != loaded) rule.load(e.levels, block, e.lookup != nullptr);
        loaded = block;
      }
#pragma GCC unroll 4
      for (int v = 0; v < LevelRule<kBits, kShifted>::kVectors; ++v) {
        Codes x = group_codes<kBits>(from, g, v * Codes::kWidth);
        if constexpr (kBits == 4)
          if (e.lookup) x = x.among(table);
        const Codes level = (x - less).template scaled<kShifted>(rule.factors[v]);
        (level ^ turn).store(to + v * Codes::kWidth);
      }
    }
}

template <int kBits>
void expand_codes(const BlockExpansion& e) {
  if constexpr (kBits < 8) {
    if (e.levels.shifted) return expand_levels<kBits, true>(e);
    if (e.levels.fine) return expand_levels<kBits, false>(e);
  }
  expand_units<kBits>(e);
}

inline void expand(const BlockExpansion& e) {
  switch (e.bits) {
    case 2: return expand_codes<2>(e);
    case 3: return expand_codes<3>(e);
    case 4: return expand_codes<4>(e);
    case 5: return expand_codes<5>(e);
    case 6: return expand_codes<6>(e);
    default: return expand_codes<8>(e);
  }
}

}  // namespace
}  // namespace hone::kernels
