// Reductions with the vectors of the including file's instruction set.
#pragma once

#include "kernels/reductions/reductions.h"
#include "kernels/vector_math.h"
#include "kernels/vector_part.h"

namespace hone::kernels {
namespace {

constexpr int64_t kW = Vector::kWidth;

// What a reduction starts with, makes of an element, and how it joins two.
struct Sum {
  static Vector start() { return Vector::zero(); }
  static Vector join(Vector a, Vector b) { return a + b; }
};
struct PlainSum : Sum {
  static Vector of(Vector x) { return x; }
};
struct AbsoluteSum : Sum {
  static Vector of(Vector x) { return absolute(x); }
};
struct SquareSum : Sum {
  static Vector of(Vector x) { return x * x; }
};
struct Maximum {
  static Vector start() { return Vector::all(-__builtin_inff()); }
  static Vector of(Vector x) { return x; }
  // max() gives its second operand where one is NaN.
  static Vector join(Vector a, Vector b) { return select(is_nan(a), a, max(a, b)); }
};
struct Minimum {
  static Vector start() { return Vector::all(__builtin_inff()); }
  static Vector of(Vector x) { return x; }
  static Vector join(Vector a, Vector b) { return select(is_nan(a), a, min(a, b)); }
};

// n elements, and what does not matter in the lanes behind them.
inline Vector load_some(const float* x, int64_t n, Vector rest) {
  float lanes[kW];
  rest.store(lanes);
  for (int64_t j = 0; j < n; ++j) lanes[j] = x[j];
  return Vector::load(lanes);
}

// The reduction of f of all elements; `join` takes several at once, so that none waits for another.
template <class R, class F>
inline float reduce(const float* x, int64_t n, F f) {
  Vector r[4] = {R::start(), R::start(), R::start(), R::start()};
  int64_t i = 0;
  for (; i + 4 * kW <= n; i += 4 * kW)
    for (int64_t k = 0; k < 4; ++k) r[k] = R::join(r[k], f(Vector::load(x + i + k * kW)));
  for (; i + kW <= n; i += kW) r[0] = R::join(r[0], f(Vector::load(x + i)));
  if (i < n) {
    float lanes[kW], start[kW];
    f(load_some(x + i, n - i, Vector::zero())).store(lanes);
    R::start().store(start);
    for (int64_t j = n - i; j < kW; ++j) lanes[j] = start[j];
    r[1] = R::join(r[1], Vector::load(lanes));
  }
  Vector all = R::join(R::join(r[0], r[1]), R::join(r[2], r[3]));
  // The upper half of the lanes joins the lower one, until one is left.
  for (int64_t half = kW / 2; half > 0; half /= 2) {
    float lanes[2 * kW] = {};
    all.store(lanes);
    all = R::join(all, Vector::load(lanes + half));
  }
  float lanes[kW];
  all.store(lanes);
  return lanes[0];
}

template <class R>
void reduce_rows(const float* x, int64_t step, int64_t rows, int64_t n, float* acc) {
  int64_t j = 0;
  for (; j + 4 * kW <= n; j += 4 * kW) {
    Vector r[4];
    for (int64_t k = 0; k < 4; ++k) r[k] = Vector::load(acc + j + k * kW);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t k = 0; k < 4; ++k)
        r[k] = R::join(r[k], R::of(Vector::load(x + i * step + j + k * kW)));
    for (int64_t k = 0; k < 4; ++k) r[k].store(acc + j + k * kW);
  }
  for (; j < n; j += kW) {
    const int64_t count = n - j < kW ? n - j : kW;
    Vector r = load_some(acc + j, count, R::start());
    for (int64_t i = 0; i < rows; ++i) {
      const float* from = x + i * step + j;
      r = R::join(r,
                  R::of(count == kW ? Vector::load(from) : load_some(from, count, Vector::zero())));
    }
    store_some(r, acc + j, count);
  }
}

// Calls run<R>() for the reduction's R.
template <class F>
inline auto with(Reduction r, F run) {
  switch (r) {
    case Reduction::sum: break;
    case Reduction::absolute_sum: return run.template operator()<AbsoluteSum>();
    case Reduction::square_sum: return run.template operator()<SquareSum>();
    case Reduction::maximum: return run.template operator()<Maximum>();
    case Reduction::minimum: return run.template operator()<Minimum>();
  }
  return run.template operator()<PlainSum>();
}

float row(Reduction r, const float* x, int64_t n) {
  return with(r, [=]<class R>() { return reduce<R>(x, n, [](Vector v) { return R::of(v); }); });
}

void rows(Reduction r, const float* x, int64_t step, int64_t count, int64_t n, float* acc) {
  with(r, [=]<class R>() { reduce_rows<R>(x, step, count, n, acc); });
}

float exponential_row(const float* x, int64_t n, float shift) {
  const Vector s = Vector::all(shift);
  return reduce<PlainSum>(x, n, [=](Vector v) { return exponential(v - s); });
}

void exponential_rows(const float* x, int64_t step, int64_t count, int64_t n, const float* shift,
                      float* acc) {
  for (int64_t j = 0; j < n; j += kW) {
    const int64_t some = n - j < kW ? n - j : kW;
    const Vector s = load_some(shift + j, some, Vector::zero());
    Vector r = load_some(acc + j, some, Vector::zero());
    for (int64_t i = 0; i < count; ++i)
      r = r + exponential(load_some(x + i * step + j, some, Vector::zero()) - s);
    store_some(r, acc + j, some);
  }
}

float deviation(const float* x, int64_t n, float mean) {
  const Vector m = Vector::all(mean);
  return reduce<PlainSum>(x, n, [=](Vector v) { return (v - m) * (v - m); });
}

constexpr ReductionKernels kReductions{row, rows, exponential_row, exponential_rows, deviation};

}  // namespace
}  // namespace hone::kernels
