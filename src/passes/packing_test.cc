// Tests of packing: every layout against its definition, over odd sizes and at odd addresses.
#include "passes/packing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace hone::packing {
namespace {

// Numbers that lie `skew` bytes behind an aligned address.
class Weights {
 public:
  explicit Weights(int64_t count, size_t skew = 1)
      : skew_(skew), bytes_(size_t(count) * sizeof(float) + skew) {
    for (int64_t i = 0; i < count; ++i) {
      const float x = (*this)(i);
      std::memcpy(bytes_.data() + skew + size_t(i) * sizeof x, &x, sizeof x);
    }
  }
  const std::byte* data() const { return bytes_.data() + skew_; }
  float operator()(int64_t i) const { return float(i % 97 - 48) * 0.25f; }

 private:
  size_t skew_;
  std::vector<std::byte> bytes_;
};

std::vector<float> some_factors(int64_t count) {
  std::vector<float> factors;
  for (int64_t i = 0; i < count; ++i) factors.push_back(float(i % 5 + 1) * 0.5f);
  return factors;
}

TEST(Packing, RowsOfMatrices) {
  for (const int64_t depth : {1, 3, 16, 37})
    for (const int64_t columns : {1, 4, 7, 24, 65})
      for (const int64_t width : {1, 4, 6, 48})
        for (const float factor : {1.0f, 0.5f}) {
          const Weights w(depth * columns);
          std::vector<float> out(size_t(panel_count(columns, width) * depth * width));
          const int64_t middle = depth / 2;  // in two parts
          pack_rows({w.data(), depth, columns, width, factor}, 0, middle, out.data());
          pack_rows({w.data(), depth, columns, width, factor}, middle, depth, out.data());
          for (int64_t p = 0; p < panel_count(columns, width); ++p)
            for (int64_t k = 0; k < depth; ++k)
              for (int64_t j = 0; j < width; ++j) {
                const int64_t column = p * width + j;
                const float expected = column < columns ? factor * w(k * columns + column) : 0;
                ASSERT_EQ(out[size_t((p * depth + k) * width + j)], expected)
                    << depth << " x " << columns << " in " << width << ": " << k << ", " << column;
              }
        }
}

TEST(Packing, Filters) {
  for (const int64_t used : {1, 3, 4, 6, 11})
    for (const int64_t channels : {1, 2, 5, 33})
      for (const int64_t positions : {1, 2, 9, 25}) {
        const int64_t width = 12, length = channels * positions;
        const Weights w(used * length, 3);
        const auto factors = some_factors(used);
        std::vector<float> out(size_t(length * width));
        EXPECT_TRUE(
            pack_filters({w.data(), used, channels, positions, width, factors}, out.data()));
        for (int64_t p = 0; p < positions; ++p)
          for (int64_t c = 0; c < channels; ++c)
            for (int64_t j = 0; j < width; ++j) {
              const float expected =
                  j < used ? w(j * length + c * positions + p) * factors[size_t(j)] : 0;
              ASSERT_EQ(out[size_t((p * channels + c) * width + j)], expected)
                  << used << " x " << channels << " x " << positions << ": " << p << ", " << c
                  << ", " << j;
            }
      }
}

// In two parts each, at an odd address.
TEST(Packing, Halves) {
  for (const int64_t depth : {1, 7, 8, 29})
    for (const int64_t columns : {1, 8, 13, 40})
      for (const int64_t width : {4, 8, 16, 32}) {
        const auto at = [](int64_t i) { return uint16_t(i * 40503 + 1); };
        std::vector<std::byte> bytes(size_t(depth * columns * 2 + 1));
        for (int64_t i = 0; i < depth * columns; ++i) {
          const uint16_t x = at(i);
          std::memcpy(bytes.data() + 1 + i * 2, &x, sizeof x);
        }
        const int64_t panels = panel_count(columns, width);
        std::vector<uint16_t> rows(size_t(panels * depth * width)), turned(rows.size());
        const HalfMatrix m{bytes.data() + 1, depth, columns, width};
        pack_half_rows(m, 0, depth / 2, rows.data());
        pack_half_rows(m, depth / 2, depth, rows.data());
        pack_half_columns(m, panels / 2, panels, turned.data());
        pack_half_columns(m, 0, panels / 2, turned.data());
        for (int64_t i = 0; i < int64_t(rows.size()); ++i) {
          const int64_t k = i / width % depth, column = i / width / depth * width + i % width;
          const bool used = column < columns;
          ASSERT_EQ(rows[size_t(i)], used ? at(k * columns + column) : 0);
          ASSERT_EQ(turned[size_t(i)], used ? at(column * depth + k) : 0)
              << depth << " x " << columns << " in " << width << ": " << k << ", " << column;
        }
      }
}

TEST(Packing, TellsWhatIsNotFinite) {
  const int64_t used = 6, length = 11;
  for (const float odd : {INFINITY, -INFINITY, NAN})
    for (int64_t i = 0; i < used * length; ++i) {
      std::vector<float> w(size_t(used * length), 1.0f), out(size_t(length * 8));
      w[size_t(i)] = odd;
      const auto* data = reinterpret_cast<const std::byte*>(w.data());
      EXPECT_FALSE(pack_filters({data, used, length, 1, 8, some_factors(used)}, out.data())) << i;
    }
}

TEST(Packing, Depthwise) {
  const int64_t filters = 7, positions = 9;
  const Weights w(filters * positions);
  const auto factors = some_factors(filters);
  std::vector<float> out(size_t(filters * positions));
  pack_depthwise({w.data(), filters, 1, positions, filters, factors}, out.data());
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t j = 0; j < filters; ++j)
      EXPECT_EQ(out[size_t(p * filters + j)], w(j * positions + p) * factors[size_t(j)]);
}

// Blocks of random bytes whose elements are of a usual size.
std::vector<std::byte> some_blocks(const BlockFormat& format, int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> out;
  std::vector<std::byte> block(size_t(format.bytes));
  std::vector<float> elements(size_t(format.elements));
  while (int64_t(out.size()) < count * format.bytes) {
    for (std::byte& b : block) b = std::byte(random());
    format.decode(block.data(), 1, elements.data());
    const auto usual = [](float x) { return std::abs(x) < 10; };
    if (std::ranges::all_of(elements, usual)) out.insert(out.end(), block.begin(), block.end());
  }
  return out;
}

struct SplitCase {
  SplitRows rows;
  std::vector<std::byte> data;
  std::vector<float> elements;  // [columns][depth]

  SplitCase(const BlockFormat& format, int64_t columns, int64_t depth)
      : rows{nullptr, columns, depth, &format, split_format(format)},
        data(some_blocks(format, columns * rows.format_blocks(), 5)),
        elements(size_t(columns * depth)) {
    rows.data = data.data();
    format.decode(data.data(), columns * rows.format_blocks(), elements.data());
  }
  std::vector<uint8_t> room_for_codes() const {
    return std::vector<uint8_t>(
        size_t(panel_count(rows.columns, kColumns) * rows.depth / block_linear::kUnit *
               block_linear::unit_bytes(rows.split->bits)));
  }
  size_t beside(int64_t count) const {
    return size_t(panel_count(rows.columns, kColumns) * count * kColumns);
  }
  int64_t code(const std::vector<uint8_t>& codes, int64_t k, int64_t j) const {
    using namespace block_linear;
    const int64_t unit = j / kColumns * (rows.depth / kUnit) + k / kUnit;
    return code_at(codes.data() + unit * unit_bytes(rows.split->bits), rows.split->bits, k % kUnit,
                   j % kColumns);
  }
  static constexpr int64_t kColumns = block_linear::kColumns;
  // Of row k and column j, `rows_of` rows sharing one.
  static size_t at(int64_t k, int64_t j, int64_t rows_of, int64_t count) {
    return size_t((j / kColumns * count + k / rows_of) * kColumns + j % kColumns);
  }
};

// Every format that splits into integers.
template <class Check>
void for_each_split(Check check) {
  for (const BlockFormat& format : all_block_formats()) {
    if (!split_format(format)) continue;
    SCOPED_TRACE(format.name);
    check(SplitCase(format, 19, 768));
  }
}

TEST(Packing, ExactRowsAreWhatTheirBlocksHold) {
  for_each_split([](const SplitCase& one) {
    const SplitFormat& f = *one.rows.split;
    std::vector<uint8_t> codes = one.room_for_codes();
    std::vector<float> scales(one.beside(one.rows.blocks())), minima(scales.size());
    pack_exact_rows(one.rows, 0, 1, {codes.data(), scales.data(), minima.data()});
    pack_exact_rows(one.rows, 1, 2, {codes.data(), scales.data(), minima.data()});
    for (int64_t j = 0; j < 19; ++j)
      for (int64_t k = 0; k < 768; ++k) {
        const int64_t code = one.code(codes, k, j);
        const size_t at = SplitCase::at(k, j, f.run, one.rows.blocks());
        const float x = (f.table ? float(f.table[code]) : float(code - f.zero)) * scales[at];
        ASSERT_EQ(x - minima[at], one.elements[size_t(j * 768 + k)]) << k << ", " << j;
      }
  });
}

// Levels lie next to what blocks hold: half of one is rounded away, and what rounding fine scales
// and shifts takes. They are signed bytes.
TEST(Packing, LevelsAreNextToWhatBlocksHold) {
  for_each_split([](const SplitCase& one) {
    const SplitFormat& f = *one.rows.split;
    std::vector<uint8_t> codes = one.room_for_codes();
    std::vector<float> scales(one.beside(one.rows.runs()));
    std::vector<int8_t> fine(one.beside(one.rows.blocks()));
    std::vector<int16_t> shifted(fine.size());
    SplitPanels to{codes.data(), scales.data()};
    if (one.rows.shifted())
      to.shifted = shifted.data();
    else
      to.fine = fine.data();
    pack_split_rows(one.rows, 0, 2, to);
    std::vector<uint8_t> exact = one.room_for_codes();
    std::vector<float> reals(fine.size()), minima(fine.size());
    pack_exact_rows(one.rows, 0, 2, {exact.data(), reals.data(), minima.data()});
    const double over = f.table ? 128 : 1 << (f.bits - 1);
    for (int64_t j = 0; j < 19; ++j)
      for (int64_t k = 0; k < 768; ++k) {
        const int64_t code = one.code(codes, k, j);
        const double q = f.table ? double(f.table[code]) : double(code - one.rows.zero());
        const size_t at = SplitCase::at(k, j, f.run, one.rows.blocks());
        const int scale_of_block = one.rows.shifted() ? shifted[at] & 127 : fine[at];
        const int shift = one.rows.shifted() ? shifted[at] >> 7 : 0;
        double level = q, off = 0.501;
        if (one.rows.has_fine()) {
          level = std::floor((q / over + shift / 256.0) * scale_of_block + 0.5);
          off = one.rows.shifted() ? 1.3 : 1.01;
          // Blocks that lie far from 0 get other codes.
          const int64_t begin = k / f.run * f.run;
          bool other = false;
          for (int64_t i = begin; i < begin + f.run; ++i)
            other = other || one.code(codes, i, j) != one.code(exact, i, j);
          if (one.rows.shifted() && (other || std::abs(shift) > 200)) off += scale_of_block / over;
        }
        ASSERT_LE(std::abs(level), 128);
        ASSERT_LE(level, 127);
        const double scale = double(scales[SplitCase::at(k, j, block_linear::kRun, 3)]);
        ASSERT_NEAR(level * scale, double(one.elements[size_t(j * 768 + k)]), off * scale)
            << k << ", " << j << ": code " << code << ", fine " << scale_of_block << ", shift "
            << shift << ", scale " << scale;
      }
  });
}

}  // namespace
}  // namespace hone::packing
