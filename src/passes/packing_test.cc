// Tests of packing: every layout against its definition, over odd sizes and at odd addresses.
#include "passes/packing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
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

}  // namespace
}  // namespace hone::packing
