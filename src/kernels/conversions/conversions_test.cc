// Tests of conversions, on every instruction set that this machine has.
#include "kernels/conversions/conversions.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const ConversionKernels*> all_kernels() {
  std::vector<const ConversionKernels*> all{&kConversionsPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kConversionsAvx2);
  if (has_avx512()) all.push_back(&kConversionsAvx512);
#endif
  return all;
}

double half_value(uint32_t bits) {
  const int exponent = int(bits >> 10 & 31);
  const double fraction = bits & 1023;
  const double size =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -size : size;
}

TEST(Conversions, EveryHalfThereAndBack) {
  std::vector<uint16_t> all(65536), back(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i] = uint16_t(i);
  std::vector<float> wide(65536);
  for (const ConversionKernels* kernels : all_kernels()) {
    kernels->f16_to_f32(all.data(), wide.data(), 65536);
    kernels->f32_to_f16(wide.data(), back.data(), 65536);
    for (uint32_t i = 0; i < 65536; ++i) {
      const bool nan = (i & 0x7fff) > 0x7c00;
      ASSERT_EQ(std::isnan(wide[i]), nan) << i;
      if ((i & 0x7c00) != 0x7c00) {
        ASSERT_EQ(double(wide[i]), half_value(i)) << i;
      }
      ASSERT_TRUE(nan ? (back[i] & 0x7fff) > 0x7c00 : back[i] == i) << i;
    }
    kernels->bf16_to_f32(all.data(), wide.data(), 65536);
    kernels->f32_to_bf16(wide.data(), back.data(), 65536);
    for (uint32_t i = 0; i < 65536; ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(wide[i]), i << 16);
      ASSERT_TRUE(std::isnan(wide[i]) ? (back[i] & 0x7fff) > 0x7f80 : back[i] == i) << i;
    }
  }
}

TEST(Conversions, TiesGoToTheEvenNumber) {
  for (const ConversionKernels* kernels : all_kernels())
    for (const int64_t n : {1, 7, 16, 33}) {
      std::vector<float> x(size_t(n), 0.0f);
      std::vector<uint16_t> y(size_t(n), uint16_t{0});
      const auto half = [&](float v) {
        x.assign(size_t(n), v);
        kernels->f32_to_f16(x.data(), y.data(), n);
        return y.back();
      };
      EXPECT_EQ(half(2049), 0x6800);   // between 2048 and 2050
      EXPECT_EQ(half(2051), 0x6802);   // between 2050 and 2052
      EXPECT_EQ(half(65519), 0x7bff);  // the largest
      EXPECT_EQ(half(65520), 0x7c00);  // infinity
      EXPECT_EQ(half(0x1p-25f), 0);    // half of the smallest
      EXPECT_EQ(half(0x1.8p-24f), 2);  // between one and two of it
      EXPECT_EQ(half(0x1.002p-14f), 0x400);
      x.assign(size_t(n), std::bit_cast<float>(0x3f808000u));
      kernels->f32_to_bf16(x.data(), y.data(), n);
      EXPECT_EQ(y.back(), 0x3f80);
      x.assign(size_t(n), std::bit_cast<float>(0x3f818000u));
      kernels->f32_to_bf16(x.data(), y.data(), n);
      EXPECT_EQ(y.back(), 0x3f82);
    }
}

}  // namespace
}  // namespace hone::kernels
