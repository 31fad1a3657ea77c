// Products of a few rows with weights in runs: levels as words, for bytes would take longer to put
// together than to multiply.
//
// A level is (q - zero) fine / 2^(bits - 1), rounded, and zero is 2^(bits - 1): so it is q fine /
// 2^(bits - 1) less fine, and the latter is multiplied by what a row sums up to over a block. With
// shifts zero is part of them; entries of a table have none.
#pragma once

#include "kernels/block_gemm/thin_avx512.h"

namespace hone::kernels {
namespace {

// Rows as words: four consecutive elements as two pairs, (0, 2) and (1, 3), as the even and the odd
// bytes of codes lie, [units][rows][16]; and what they sum up to over half a unit.
inline int32_t put_pairs(const int8_t* from, int32_t* to, __mmask32 half) {
  const __m512i x =
      _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  const __m512i order = _mm512_set4_epi32(0x0f0e0b0a, 0x0d0c0908, 0x07060302, 0x05040100);
  _mm512_storeu_si512(to, _mm512_shuffle_epi8(x, order));
  return _mm512_reduce_add_epi32(
      _mm512_madd_epi16(_mm512_maskz_mov_epi16(half, x), _mm512_set1_epi16(1)));
}

// What blocks sum up to is the lower half of 32 bits, [blocks][rows].
void prepare_words(const ThinBlocks& t) {
  const BlockWeights& w = *t.weights;
  const int64_t rows = t.rows.height, units = w.units();
  for (int64_t i = 0; i < w.blocks * rows; ++i) t.totals[i] = 0;
  for (int64_t u = 0; u < units; ++u)
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = u * rows + r;
      const int8_t* from = t.rows.codes + at * kBlockUnit;
      int32_t* to = t.pairs + at * (kBlockUnit / 2);
      const int64_t block = u * kBlockUnit / w.block_rows;
      if (w.block_rows >= kBlockUnit) {
        t.totals[block * rows + r] += put_pairs(from, to, ~__mmask32{0});
        continue;
      }
      t.totals[block * rows + r] = put_pairs(from, to, 0xffff);
      if (block + 1 < w.blocks) t.totals[(block + 1) * rows + r] = put_pairs(from, to, 0xffff0000);
    }
  for (int64_t i = 0; i < w.blocks * rows; ++i) t.totals[i] &= 0xffff;
}

inline __m512i words(uint16_t x) { return _mm512_set1_epi16(int16_t(x)); }
inline void add_words(__m512i levels, const int32_t* pair, Dots& sum) {
  sum.v = _mm512_dpwssd_epi32(sum.v, levels, _mm512_set1_epi32(*pair));
}

// What the codes of a block are multiplied with, in both halves of 32 bits: those that lie lower
// and higher in a word, in its even and its odd byte, of nibbles at bit 4 and at bit 8. With shifts
// all codes are brought to bit 8 first, and both factors are the same.
template <int kBits, bool kLookup, bool kShifted, bool kNibbles>
struct ThinFactors {
  static constexpr int kHigh = kLookup ? 0 : 8 - kBits;
  static constexpr int kLow = kShifted ? kHigh : kLookup ? 0 : kNibbles ? 8 : 1;
  __m512i low, high;
  __m512i shift;    // less zero, is added to codes; where there are shifts
  __m512i of_sums;  // is multiplied with what rows sum up to; where there are none

  void load(const BlockLevels& levels, int64_t block) {
    if constexpr (kShifted) {
      const Codes::Factors f = Codes::factors(levels.shifted + block * kBlockPanel, kHigh);
      low = high = f.v;
      // 256 zero.
      shift = _mm512_sub_epi16(f.shift, _mm512_set1_epi16(1 << (kBits + 7)));
    } else {
      const __m512i f = _mm512_cvtepi8_epi32(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(levels.fine + block * kBlockPanel)));
      const __m512i x =
          _mm512_shuffle_epi8(f, _mm512_set4_epi32(0x0d0c0d0c, 0x09080908, 0x05040504, 0x01000100));
      high = _mm512_slli_epi16(x, kHigh);
      low = _mm512_slli_epi16(x, kLow);
      of_sums = f;
    }
  }
};

// What words sum up to: some sums side by side, for one has to wait for the product before.
template <int kRows>
struct WordSums {
  Dots of[4][kRows];
  void clear() {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) of[i][r] = Dots::all(0);
  }
  void total(Dots (&to)[kRows]) const {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r)
      to[r].v = _mm512_add_epi32(_mm512_add_epi32(of[0][r].v, of[1][r].v),
                                 _mm512_add_epi32(of[2][r].v, of[3][r].v));
  }
};

// Codes of words to levels.
template <bool kShifted, class Factors>
inline __m512i levels(__m512i codes, const Factors& f, __m512i factor) {
  if constexpr (kShifted) codes = _mm512_add_epi16(codes, f.shift);
  return _mm512_mulhrs_epi16(codes, factor);
}

// Groups g and g + 4, whose nibbles share bytes.
template <bool kShifted, class Factors, int kRows>
inline void add_nibbles(__m512i x, const Factors& f, const int32_t* a, WordSums<kRows>& sums) {
  const __m512i other_byte = _mm512_set4_epi32(0x0e0f0c0d, 0x0a0b0809, 0x06070405, 0x02030001);
  const __m512i turned = _mm512_shuffle_epi8(x, other_byte);
  const __m512i at8 = words(0x0f00);
  const __m512i low = kShifted ? _mm512_slli_epi16(x, 4) : x;
  const __m512i low_turned = kShifted ? _mm512_slli_epi16(turned, 4) : turned;
  const __m512i low_bits = kShifted ? at8 : words(0x00f0);
  const __m512i even = levels<kShifted>(_mm512_and_si512(turned, at8), f, f.high);
  const __m512i odd = levels<kShifted>(_mm512_and_si512(x, at8), f, f.high);
  const __m512i even4 = levels<kShifted>(_mm512_and_si512(low, low_bits), f, f.low);
  const __m512i odd4 = levels<kShifted>(_mm512_and_si512(low_turned, low_bits), f, f.low);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const int32_t* row = a + r * (kBlockUnit / 2);
    add_words(even, row, sums.of[0][r]);
    add_words(odd, row + 1, sums.of[1][r]);
    add_words(even4, row + 8, sums.of[2][r]);
    add_words(odd4, row + 9, sums.of[3][r]);
  }
}

// Half a unit.
template <int kBits, bool kLookup, bool kShifted, int kFirst, class Factors, int kRows>
inline void add_levels(const uint8_t* unit, const Factors& f, Codes table, const int32_t* a,
                       WordSums<kRows>& sums) {
#pragma GCC unroll 4
  for (int g = kFirst; g < kFirst + 4; ++g) {
    Codes x = group_codes<kBits>(unit, g, 0);
    if constexpr (kLookup) x = x.among(table);
    constexpr unsigned kUp = kLookup || kShifted ? 8 : 15 - kBits;
    const __m512i even = levels<kShifted>(_mm512_slli_epi16(x.v, kUp), f, f.low);
    const __m512i odd = levels<kShifted>(_mm512_and_si512(x.v, words(0xff00)), f, f.high);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const int32_t* row = a + r * (kBlockUnit / 2) + 2 * g;
      add_words(even, row, sums.of[g % 2 * 2][r]);
      add_words(odd, row + 1, sums.of[g % 2 * 2 + 1][r]);
    }
  }
}

template <int kBits, bool kLookup, bool kShifted, bool kHalves, int kRows>
class ThinRun {
 public:
  ThinRun(const ThinBlocks& t, int64_t panel)
      : w_(*t.weights),
        unit_(w_.codes + panel * w_.units() * kBits * kGroupRow),
        levels_{panel_levels(w_, w_.levels.fine, panel),
                panel_levels(w_, w_.levels.shifted, panel)},
        a_(t.pairs),
        totals_(t.totals),
        table_(kLookup ? Codes::table(w_.lookup) ^ Codes::all(0x80) : Codes::all(0)) {}

  // Sums of the next units.
  void add(int64_t units, Dots (&sums)[kRows]) {
    WordSums<kRows> all;
    Dots least[kRows];
    all.clear();
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) least[r] = Dots::all(0);
    for (; units > 0; --units) {
      ask_for_unit<kBits>(unit_);
      if (kHalves || left_ == 0) next(least);
      if constexpr (kNibbles) {
#pragma GCC unroll 4
        for (int g = 0; g < 4; ++g)
          add_nibbles<kShifted>(_mm512_loadu_si512(unit_ + g * kGroupRow), factors_, a_ + 2 * g,
                                all);
      } else {
        add_levels<kBits, kLookup, kShifted, 0>(unit_, factors_, table_, a_, all);
        // Behind the last block half a unit may be left, with zeros in the rows.
        if (kHalves && block_ < w_.blocks) next(least);
        add_levels<kBits, kLookup, kShifted, 4>(unit_, factors_, table_, a_, all);
      }
      --left_;
      unit_ += kBits * kGroupRow;
      a_ += kRows * (kBlockUnit / 2);
    }
    all.total(sums);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) sums[r].v = _mm512_sub_epi32(sums[r].v, least[r].v);
  }

 private:
  static constexpr bool kNibbles = kBits == 4 && !kLookup && !kHalves;
  void next(Dots (&least)[kRows]) {
    factors_.load(levels_, block_);
    if constexpr (!kLookup && !kShifted) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r)
        add_words(factors_.of_sums, totals_ + block_ * kRows + r, least[r]);
    }
    ++block_;
    left_ = w_.block_rows / kBlockUnit;
  }

  const BlockWeights& w_;
  const uint8_t* unit_;
  BlockLevels levels_;
  const int32_t *a_, *totals_;
  Codes table_;
  ThinFactors<kBits, kLookup, kShifted, kNibbles> factors_ = {};
  int64_t block_ = 0, left_ = 0;  // units that the block has left
};

// Bytes that are levels: as products of blocks take them.
template <int kRows>
class ThinBytes {
 public:
  ThinBytes(const ThinBlocks& t, int64_t panel)
      : unit_(t.weights->codes + panel * t.weights->units() * kUnitBytes), a_(t.rows.codes) {}
  void add(int64_t units, Dots (&sums)[kRows]) {
    Dots more[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) more[r] = Dots::all(0);
    for (; units > 0; --units) {
      ask_for_unit<8>(unit_);
      add_half<8, false, 0>(unit_, a_, Codes::all(0), sums);
      add_half<8, false, 4>(unit_, a_, Codes::all(0), more);
      unit_ += kUnitBytes;
      a_ += kRows * kBlockUnit;
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) sums[r].v = _mm512_add_epi32(sums[r].v, more[r].v);
  }

 private:
  const uint8_t* unit_;
  const int8_t* a_;
};

// A panel, whose runs `run` sums up.
template <int kRows, class Run>
void thin_runs_of(const ThinBlocks& t, int64_t panel, Run run, bool begins, float* to) {
  const BlockWeights& w = *t.weights;
  const float* scales = panel_scales(w, w.scales, panel, t.scales);
  Vector sums[kRows];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) sums[r] = Vector::zero();
  for (int64_t i = 0; i < w.sums(); ++i) {
    Dots dots[kRows];
    if (begins) begin_block(t, i, dots);
    run.add(w.rows_of_sum(i) / kBlockUnit, dots);
    add_block(t, i, dots, scales, nullptr, sums);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) sums[r].store(to + r * t.sums_step);
}

template <int kBits, bool kLookup, bool kShifted, bool kHalves, int kRows>
void thin_run_panels(const ThinBlocks& t) {
  for (int64_t p = t.panel; p < t.panel + t.panels; ++p)
    thin_runs_of<kRows>(t, p, ThinRun<kBits, kLookup, kShifted, kHalves, kRows>(t, p), false,
                        t.sums + (p - t.panel) * kBlockPanel);
}

template <int kRows>
void thin_byte_panels(const ThinBlocks& t) {
  for (int64_t p = t.panel; p < t.panel + t.panels; ++p)
    thin_runs_of<kRows>(t, p, ThinBytes<kRows>(t, p), true, t.sums + (p - t.panel) * kBlockPanel);
}

template <int kBits, bool kLookup, bool kShifted, bool kHalves>
void thin_run_rows(const ThinBlocks& t) {
  switch (t.rows.height) {
    case 1: return thin_run_panels<kBits, kLookup, kShifted, kHalves, 1>(t);
    case 2: return thin_run_panels<kBits, kLookup, kShifted, kHalves, 2>(t);
    case 3: return thin_run_panels<kBits, kLookup, kShifted, kHalves, 3>(t);
    default: return thin_run_panels<kBits, kLookup, kShifted, kHalves, 4>(t);
  }
}

template <int kBits, bool kLookup = false>
void thin_levels(const ThinBlocks& t) {
  const bool halves = t.weights->block_rows < kBlockUnit;
  if constexpr (!kLookup)
    if (t.weights->levels.shifted)
      return halves ? thin_run_rows<kBits, false, true, true>(t)
                    : thin_run_rows<kBits, false, true, false>(t);
  halves ? thin_run_rows<kBits, kLookup, false, true>(t)
         : thin_run_rows<kBits, kLookup, false, false>(t);
}

void thin_bytes(const ThinBlocks& t) {
  switch (t.rows.height) {
    case 1: return thin_byte_panels<1>(t);
    case 2: return thin_byte_panels<2>(t);
    case 3: return thin_byte_panels<3>(t);
    default: return thin_byte_panels<4>(t);
  }
}

void thin_in_runs(const ThinBlocks& t) {
  switch (t.weights->bits) {
    case 2: return thin_levels<2>(t);
    case 3: return thin_levels<3>(t);
    case 4: return t.weights->lookup ? thin_levels<4, true>(t) : thin_levels<4>(t);
    case 5: return thin_levels<5>(t);
    case 6: return thin_levels<6>(t);
    default: return thin_bytes(t);
  }
}

}  // namespace
}  // namespace hone::kernels
