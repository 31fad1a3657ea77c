// The Fourier transform against its definition.
#include "ops/fourier.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace hone {
namespace {

using Values = std::vector<std::complex<double>>;

Values defined(const Values& x, bool inverse) {
  const auto n = double(x.size());
  Values out;
  for (size_t k = 0; k < x.size(); ++k) {
    std::complex<double> sum = 0;
    for (size_t i = 0; i < x.size(); ++i)
      sum += x[i] *
             std::polar(1.0, (inverse ? 2 : -2) * std::numbers::pi * double(k * i % x.size()) / n);
    out.push_back(inverse ? sum / n : sum);
  }
  return out;
}

TEST(Fourier, IsTheDefinition) {
  for (size_t n : {1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 31, 60, 64, 97, 100})
    for (bool inverse : {false, true}) {
      Values x;
      for (size_t i = 0; i < n; ++i)
        x.emplace_back(std::sin(3.0 * double(i)), std::cos(double(i * i)));
      const Values expected = defined(x, inverse);
      Fourier(n, inverse).transform(x);
      for (size_t k = 0; k < n; ++k) EXPECT_LT(std::abs(x[k] - expected[k]), 1e-12 * double(n + 1));
    }
}

TEST(Fourier, RoundTripOfALongPrimeLength) {
  const size_t n = 100'003;
  Values x;
  for (size_t i = 0; i < n; ++i) x.emplace_back(double(i * 7919 % 1000) / 1000, 0);
  Values y = x;
  Fourier(n, false).transform(y);
  Fourier(n, true).transform(y);
  for (size_t i = 0; i < n; ++i) ASSERT_LT(std::abs(x[i] - y[i]), 1e-11);
}

}  // namespace
}  // namespace hone
