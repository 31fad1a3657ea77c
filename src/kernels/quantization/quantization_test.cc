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

TEST(Quantization, QuotientsAreThoseOfDivision) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> digits(1, 2);
  constexpr int64_t kNumbers = 4096;
  std::vector<float> x(kNumbers);
  std::vector<uint8_t> y(kNumbers);
  for (int round = 0; round < 300; ++round) {
    float scale = std::ldexp(digits(random), int(random() % 230) - 115);
    if (round % 10 == 0) scale = std::nextafter(std::ldexp(1.0f, round % 60 - 30), 0.0f);
    if (round % 10 == 1) scale = std::ldexp(1.0f, round % 60 - 30);
    // Around the places where the byte changes.
    for (size_t i = 0; i < x.size(); ++i) {
      const uint32_t at = random();
      x[i] = (float(int(at % 300) - 20) + (at % 3 == 0 ? 0.0f : 0.5f)) * scale;
      for (uint32_t step = at >> 10 & 3; step > 0; --step)
        x[i] = std::nextafter(x[i], at >> 12 & 1 ? INFINITY : -INFINITY);
    }
    x[0] = INFINITY, x[1] = -INFINITY, x[2] = NAN, x[3] = 3.4e38f, x[4] = -3.4e38f, x[5] = 1e-45f;
    for (const QuantizationKernels* kernels : all_kernels()) {
      kernels->quantize(x.data(), kNumbers, scale, 100, {}, y.data());
      for (size_t i = 0; i < x.size(); ++i) {
        const float q = x[i] / scale;
        const double wanted =
            std::isnan(q) ? 0 : std::clamp(std::nearbyint(double(q)) + 100, 0.0, 255.0);
        ASSERT_EQ(y[i], int(wanted)) << x[i] << " / " << scale;
      }
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
      least = std::min(least, v);
      most = std::max(most, v);
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

TEST(Quantization, TermsOfZeroPointsWrapAround) {
  std::mt19937 random(7);
  for (const int64_t n : kCounts)
    for (const QuantizationKernels* kernels : all_kernels())
      for (const int which : {0, 1, 2, 3}) {
        std::vector<int32_t> sums(size_t(n + 1)), first(size_t(n + 1)), second(size_t(n + 1));
        for (auto* v : {&sums, &first, &second})
          for (int32_t& x : *v) x = int32_t(random());
        ZeroTerms terms{.each = int32_t(random()), .row = -7, .other_row = int32_t(random())};
        if (which & 1) terms.columns = first.data();
        if (which & 2) terms.other_columns = second.data();
        std::vector<int32_t> got = sums;
        kernels->correct(got.data(), n, terms);
        for (size_t j = 0; j < size_t(n); ++j) {
          uint32_t wanted = uint32_t(sums[j]) + uint32_t(terms.each);
          if (which & 1) wanted += uint32_t(terms.row) * uint32_t(first[j]);
          if (which & 2) wanted += uint32_t(terms.other_row) * uint32_t(second[j]);
          ASSERT_EQ(got[j], int32_t(wanted));
        }
        ASSERT_EQ(got.back(), sums.back());
      }
}

TEST(Quantization, SumsBecomeBytes) {
  std::mt19937 random(8);
  for (const int64_t n : kCounts)
    for (const QuantizationKernels* kernels : all_kernels())
      for (const int64_t step : {0, 1}) {
        std::vector<int32_t> sums(size_t(n + 1));
        for (int32_t& x : sums) x = int32_t(random() % 4001) - 2000;
        std::vector<float> scales(size_t(n + 1), 0.125f);
        if (step == 1)
          for (float& x : scales) x = float(random() % 16) * 0.03f;
        if (n > 4 && step == 1)
          scales[0] = NAN, scales[1] = INFINITY, sums[1] = 0, sums[2] = INT32_MIN;
        std::vector<uint8_t> y(size_t(n + 1), 77);
        kernels->requantize(sums.data(), n, scales.data(), step, -5, {-128, 127}, y.data());
        for (size_t j = 0; j < size_t(n); ++j) {
          const float x = float(sums[j]) * scales[step == 0 ? 0 : j];
          const double wanted =
              std::isnan(x) ? -128 : std::clamp(std::nearbyint(double(x)) - 5, -128.0, 127.0);
          ASSERT_EQ(int8_t(y[j]), int(wanted)) << x;
        }
        ASSERT_EQ(y.back(), 77);
      }
}

TEST(Quantization, TheLargestBytes) {
  std::mt19937 random(9);
  for (const int64_t n : kCounts)
    for (const QuantizationKernels* kernels : all_kernels())
      for (const bool is_signed : {false, true})
        for (const int64_t count : {1, 2, 9}) {
          const std::vector<uint8_t> row(size_t(n), uint8_t{0});
          std::vector<std::vector<uint8_t>> rows(size_t(count), row);
          std::vector<const uint8_t*> places;
          for (auto& row : rows) {
            for (uint8_t& x : row) x = uint8_t(random());
            places.push_back(row.data());
          }
          std::vector<uint8_t> y(size_t(n + 1), 77);
          kernels->maximum(places.data(), count, n, is_signed, y.data());
          for (size_t j = 0; j < size_t(n); ++j) {
            int wanted = -1000;
            for (const auto& row : rows)
              wanted = std::max(wanted, is_signed ? int(int8_t(row[j])) : int(row[j]));
            ASSERT_EQ(is_signed ? int(int8_t(y[j])) : int(y[j]), wanted);
          }
          ASSERT_EQ(y.back(), 77);
        }
}

}  // namespace
}  // namespace hone::kernels
