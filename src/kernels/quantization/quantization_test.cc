// Tests of quantization against its definition, on every instruction set that this machine has.
#include "kernels/quantization/quantization.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const QuantizationKernels*> all_kernels() {
  std::vector<const QuantizationKernels*> all{&kQuantizationPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kQuantizationAvx2);
  if (has_avx512()) all.push_back(&kQuantizationAvx512);
#endif
  return all;
}

std::vector<float> numbers(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> next(-40, 40);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = random() % 4 == 0 ? std::round(next(random)) * 0.5f : next(random);
  return x;
}

constexpr int64_t kCounts[] = {0, 1, 3, 7, 15, 16, 17, 31, 64, 65, 200};

TEST(Quantization, RoundsHalfToEvenAndSaturates) {
  for (const int64_t n : kCounts) {
    std::vector<float> x = numbers(n, uint32_t(n));
    if (n > 4) x[0] = NAN, x[1] = INFINITY, x[2] = -INFINITY, x[3] = 3e38f;
    for (const QuantizationKernels* kernels : all_kernels())
      for (const bool is_signed : {false, true})
        for (const float scale : {1.0f, 0.25f, 0.1f}) {
          const int32_t zero = is_signed ? -5 : 128;
          const ByteRange range = is_signed ? ByteRange{-128, 127} : ByteRange{};
          std::vector<uint8_t> y(static_cast<size_t>(n + 1), 77);
          kernels->quantize(x.data(), n, scale, zero, range, y.data());
          for (int64_t i = 0; i < n; ++i) {
            const float q = x[size_t(i)] / scale;
            const double wanted = std::isnan(q)
                                      ? range.least
                                      : std::clamp(std::nearbyint(double(q)) + zero,
                                                   double(range.least), double(range.most));
            const int got = is_signed ? int8_t(y[size_t(i)]) : y[size_t(i)];
            ASSERT_EQ(got, int(wanted)) << x[size_t(i)] << " / " << scale;
          }
          ASSERT_EQ(y.back(), 77);
        }
  }
}

TEST(Quantization, TheWayBack) {
  std::vector<uint8_t> all(256);
  for (int i = 0; i < 256; ++i) all[size_t(i)] = uint8_t(i);
  for (const QuantizationKernels* kernels : all_kernels())
    for (const int64_t n : {int64_t{256}, int64_t{251}, int64_t{5}}) {
      std::vector<float> y(static_cast<size_t>(n + 1), 77);
      kernels->dequantize(all.data(), n, false, 100, 0.1f, y.data());
      for (int64_t i = 0; i < n; ++i) ASSERT_EQ(y[size_t(i)], float(i - 100) * 0.1f);
      kernels->dequantize(all.data(), n, true, -7, 0.3f, y.data());
      for (int64_t i = 0; i < n; ++i) ASSERT_EQ(y[size_t(i)], float(int8_t(i) + 7) * 0.3f);
      ASSERT_EQ(y.back(), 77);
    }
}

TEST(Quantization, RangesHoldAllNumbers) {
  for (const int64_t n : kCounts) {
    std::vector<float> x = numbers(n, uint32_t(1000 + n));
    if (n > 2) x[size_t(n) / 2] = NAN;
    float least = 0, most = 0;
    for (const float v : x) {
      if (v < least) least = v;
      if (v > most) most = v;
    }
    for (const QuantizationKernels* kernels : all_kernels()) {
      float got[2] = {};
      kernels->extend(x.data(), n, &got[0], &got[1]);
      ASSERT_EQ(got[0], least);
      ASSERT_EQ(got[1], most);
    }
  }
}

TEST(Quantization, BlocksHaveScalesOfTheirOwn) {
  for (const int64_t n : {1, 5, 16, 31, 32, 33, 64, 100, 257})
    for (const int64_t block : {1, 7, 16, 32, 64}) {
      std::vector<float> x = numbers(n, uint32_t(n + block));
      if (n > 40) x[3] = NAN, x[33] = INFINITY, x[40] = 1e-33f;
      if (n > 96)
        for (int64_t i = 64; i < 96; ++i) x[size_t(i)] = i % 2 ? 0x1p-101f : 0;
      const int64_t blocks = (n + block - 1) / block;
      for (const QuantizationKernels* kernels : all_kernels()) {
        std::vector<int8_t> y(static_cast<size_t>(n + 1), 77);
        std::vector<float> scales(static_cast<size_t>(blocks + 1), 77);
        kernels->quantize_blocks(x.data(), n, block, y.data(), scales.data());
        ASSERT_EQ(y.back(), 77);
        ASSERT_EQ(scales.back(), 77);
        for (int64_t b = 0; b < blocks; ++b) {
          float most = 0;
          bool finite = true;
          const int64_t begin = b * block, end = std::min(n, begin + block);
          for (int64_t i = begin; i < end; ++i) {
            finite = finite && std::isfinite(x[size_t(i)]);
            most = std::max(most, std::fabs(x[size_t(i)]));
          }
          const bool some = finite && most >= kLeastOfBlock;
          const float scale = scales[size_t(b)];
          ASSERT_EQ(std::isnan(scale), !finite);
          const float wanted = some ? most / 127.0f : 0;
          ASSERT_EQ(finite ? scale : wanted, wanted);
          for (int64_t i = begin; i < end; ++i)
            ASSERT_EQ(y[size_t(i)], some ? std::nearbyint(x[size_t(i)] * (127.0f / most)) : 0);
        }
      }
    }
}

}  // namespace
}  // namespace hone::kernels
