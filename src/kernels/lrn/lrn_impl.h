// Normalization by neighbours with the vectors of the including file's instruction set. Every sum
// is taken anew: one that slides along the channels would gather rounding errors.
#pragma once

#include "kernels/lrn/lrn.h"
#include "kernels/vector_power.h"

namespace hone::kernels {
namespace {

constexpr int64_t kW = Vector::kWidth;

inline Vector scaled(const Neighbours& w, Vector x, Vector sum) {
  const Vector base = fma(sum, Vector::all(w.alpha), Vector::all(w.bias));
  if (w.beta == 0) return x;  // also where the base is 0 or infinite
  return x * exponential(logarithm(base) * Vector::all(-w.beta));
}

void row(const Neighbours& w, const float* x, int64_t n, float* squares, float* y) {
  for (int64_t i = 0; i < w.before; ++i) squares[i] = 0;
  int64_t c = 0;
  for (; c + kW <= n; c += kW) {
    const Vector v = Vector::load(x + c);
    (v * v).store(squares + w.before + c);
  }
  for (; c < n; ++c) squares[w.before + c] = x[c] * x[c];
  for (int64_t i = 0; i < w.after + kW; ++i) squares[w.before + n + i] = 0;
  const int64_t size = w.before + 1 + w.after;
  for (c = 0; c < n; c += kW) {
    Vector sum = Vector::load(squares + c);
    for (int64_t k = 1; k < size; ++k) sum = sum + Vector::load(squares + c + k);
    const int64_t some = n - c < kW ? n - c : kW;
    scaled(w, Vector::load(x + c, some), sum).store(y + c, some);
  }
}

void planes(const Neighbours& w, const float* x, int64_t channels, int64_t inner, int64_t begin,
            int64_t end, float* y) {
  for (int64_t c = 0; c < channels; ++c) {
    const int64_t first = c < w.before ? 0 : c - w.before;
    const int64_t last = channels - 1 - c < w.after ? channels - 1 : c + w.after;
    int64_t i = begin;
    for (; i + kW <= end; i += kW) {
      Vector sum = Vector::zero();
      for (int64_t k = first; k <= last; ++k) {
        const Vector v = Vector::load(x + k * inner + i);
        sum = fma(v, v, sum);
      }
      scaled(w, Vector::load(x + c * inner + i), sum).store(y + c * inner + i);
    }
    if (i == end) continue;
    float sums[kW] = {}, rest[kW] = {};
    for (int64_t j = i; j < end; ++j) {
      for (int64_t k = first; k <= last; ++k) sums[j - i] += x[k * inner + j] * x[k * inner + j];
      rest[j - i] = x[c * inner + j];
    }
    scaled(w, Vector::load(rest), Vector::load(sums)).store(rest);
    for (int64_t j = i; j < end; ++j) y[c * inner + j] = rest[j - i];
  }
}

constexpr LrnKernels kLrn{row, planes};

}  // namespace
}  // namespace hone::kernels
