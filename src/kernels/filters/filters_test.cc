// Tests of packing filters, on every instruction set that this machine has.
#include "kernels/filters/filters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const FilterKernels*> all_kernels() {
  std::vector<const FilterKernels*> all{&kFiltersPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kFiltersAvx2);
  if (has_avx512()) all.push_back(&kFiltersAvx512);
#endif
  return all;
}

std::vector<float> some_factors(int64_t count) {
  std::vector<float> factors;
  for (int64_t i = 0; i < count; ++i) factors.push_back(float(i % 5 + 1) * 0.5f);
  return factors;
}

float weight(int64_t i) { return float(i % 97 - 48) * 0.25f; }

// At an odd address, as weights lie in files.
void check(const FilterKernels& kernels, int64_t used, int64_t channels, int64_t positions) {
  constexpr int64_t kSkew = 3;
  const int64_t width = used + 5, length = channels * positions;
  std::vector<std::byte> bytes(size_t(used * length) * sizeof(float) + kSkew);
  for (int64_t i = 0; i < used * length; ++i) {
    const float x = weight(i);
    std::memcpy(bytes.data() + kSkew + size_t(i) * sizeof x, &x, sizeof x);
  }
  const auto factors = some_factors(used);
  std::vector<float> out(size_t(length * width), 7.0f);
  EXPECT_TRUE(kernels.pack({bytes.data() + kSkew, used, channels, positions, width, factors.data()},
                           out.data()));
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t j = 0; j < width; ++j) {
        const float expected =
            j < used ? weight(j * length + c * positions + p) * factors[size_t(j)] : 7.0f;
        ASSERT_EQ(out[size_t((p * channels + c) * width + j)], expected)
            << used << " x " << channels << " x " << positions << ": " << p << ", " << c << ", "
            << j;
      }
}

TEST(Filters, OfAnySize) {
  for (const FilterKernels* kernels : all_kernels())
    for (const int64_t used : {1, 3, 4, 7, 8, 11, 16, 17, 24, 40, 48})
      for (const int64_t channels : {1, 2, 5, 16, 33, 70})
        for (const int64_t positions : {1, 2, 9, 25}) check(*kernels, used, channels, positions);
}

TEST(Filters, TellWhatIsNotFinite) {
  const int64_t used = 21, length = 19;
  const auto factors = some_factors(used);
  for (const FilterKernels* kernels : all_kernels())
    for (const float odd : {INFINITY, -INFINITY, NAN})
      for (int64_t i = 0; i < used * length; ++i) {
        std::vector<float> w(size_t(used * length), 1.0f), out(size_t(length * used));
        w[size_t(i)] = odd;
        const auto* data = reinterpret_cast<const std::byte*>(w.data());
        EXPECT_FALSE(kernels->pack({data, used, length, 1, used, factors.data()}, out.data())) << i;
      }
}

}  // namespace
}  // namespace hone::kernels
