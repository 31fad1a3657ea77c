#include "ops/fourier.h"

#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

namespace hone {
namespace {

// exp(2 pi i k / n), exact at the multiples of a quarter turn.
std::complex<double> root(uint64_t k, uint64_t n) {
  k %= n;
  if (k == 0) return 1;
  if (k * 4 == n) return {0, 1};
  if (k * 2 == n) return -1;
  if (k * 4 == 3 * n) return {0, -1};
  const double angle = 2 * std::numbers::pi * (double(k) / double(n));
  return {std::cos(angle), std::sin(angle)};
}

}  // namespace

Fourier::Fourier(size_t length, bool inverse)
    : length_(length),
      padded_(std::has_single_bit(length) ? length : std::bit_ceil(2 * length)),
      inverse_(inverse) {
  for (size_t k = 0; k < padded_ / 2; ++k) roots_.push_back(std::conj(root(k, padded_)));
  if (padded_ == length_) return;
  // k² mod 2n, kept small step by step.
  uint64_t square = 0;
  filter_.resize(padded_);
  for (size_t k = 0; k < length_; ++k) {
    const auto w = root(square, 2 * length_);
    chirp_.push_back(inverse ? w : std::conj(w));
    filter_[k] = std::conj(chirp_[k]);
    if (k > 0) filter_[padded_ - k] = filter_[k];
    square = (square + 2 * k + 1) % (2 * length_);
  }
  radix_two(filter_, false);
}

// In place, unscaled, decimation in time.
void Fourier::radix_two(Values& x, bool inverse) const {
  const size_t n = x.size();
  for (size_t i = 1, j = 0; i < n; ++i) {
    size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  for (size_t half = 1; half < n; half *= 2)
    for (size_t start = 0; start < n; start += 2 * half)
      for (size_t k = 0; k < half; ++k) {
        const auto w = roots_[k * (n / (2 * half))];
        const auto odd = x[start + half + k] * (inverse ? std::conj(w) : w);
        x[start + half + k] = x[start + k] - odd;
        x[start + k] += odd;
      }
}

void Fourier::transform(Values& x) const {
  if (padded_ == length_) {
    radix_two(x, inverse_);
  } else {
    Values wide(padded_);
    for (size_t k = 0; k < length_; ++k) wide[k] = x[k] * chirp_[k];
    radix_two(wide, false);
    for (size_t k = 0; k < padded_; ++k) wide[k] *= filter_[k];
    radix_two(wide, true);
    for (size_t k = 0; k < length_; ++k) x[k] = wide[k] * chirp_[k] / double(padded_);
  }
  if (inverse_)
    for (auto& v : x) v /= double(length_);
}

}  // namespace hone
