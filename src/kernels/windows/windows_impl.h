// Windows with the vectors of the including file's instruction set.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/windows/windows.h"

namespace hone::kernels {
namespace {

constexpr int64_t kW = Vector::kWidth;

// Several pixels at once use each weight that is loaded.
template <int kPixels>
void depthwise_some(const float* const* taps, int64_t positions, const float* weights,
                    int64_t channels, float* y) {
  int64_t c = 0;
  for (; c + kW <= channels; c += kW) {
    Vector sums[kPixels];
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) sums[p] = Vector::zero();
    for (int64_t k = 0; k < positions; ++k) {
      const Vector w = Vector::load(weights + k * channels + c);
#pragma GCC unroll 4
      for (int p = 0; p < kPixels; ++p)
        sums[p] = fma(Vector::load(taps[p * positions + k] + c), w, sums[p]);
    }
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) sums[p].store(y + p * channels + c);
  }
  for (; c < channels; ++c)
    for (int p = 0; p < kPixels; ++p) {
      float sum = 0;
      for (int64_t k = 0; k < positions; ++k)
        sum += taps[p * positions + k][c] * weights[k * channels + c];
      y[p * channels + c] = sum;
    }
}

void depthwise(const float* const* taps, int64_t positions, int64_t pixels, const float* weights,
               int64_t channels, const Epilogue& epilogue, float* y) {
  int64_t p = 0;
  for (; p + 4 <= pixels; p += 4)
    depthwise_some<4>(taps + p * positions, positions, weights, channels, y + p * channels);
  for (; p < pixels; ++p)
    depthwise_some<1>(taps + p * positions, positions, weights, channels, y + p * channels);
  if (!epilogue.empty()) finish_rows(epilogue, y, channels, pixels, channels, 0, epilogue.added);
}

void maximum(const float* const* taps, int64_t count, int64_t channels, float* y) {
  int64_t c = 0;
  for (; c + kW <= channels; c += kW) {
    Vector best = Vector::all(-__builtin_inff());
    for (int64_t k = 0; k < count; ++k) {
      // max() gives its second operand where one is NaN.
      best = select(is_nan(best), best, max(best, Vector::load(taps[k] + c)));
    }
    best.store(y + c);
  }
  for (; c < channels; ++c) {
    float best = -__builtin_inff();
    for (int64_t k = 0; k < count; ++k) {
      const float x = taps[k][c];
      best = x > best || x != x ? x : best;  // NaN is larger than nothing
    }
    y[c] = best;
  }
}

void mean(const float* const* taps, int64_t count, int64_t channels, float factor, float* y) {
  int64_t c = 0;
  for (; c + kW <= channels; c += kW) {
    Vector sum = Vector::zero();
    for (int64_t k = 0; k < count; ++k) sum = sum + Vector::load(taps[k] + c);
    (sum * Vector::all(factor)).store(y + c);
  }
  for (; c < channels; ++c) {
    float sum = 0;
    for (int64_t k = 0; k < count; ++k) sum += taps[k][c];
    y[c] = sum * factor;
  }
}

constexpr WindowKernels kWindows{depthwise, maximum, mean};

}  // namespace
}  // namespace hone::kernels
