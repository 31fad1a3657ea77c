// Rows with the vectors of the including file's instruction set.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/rows/rows.h"
#include "kernels/vector_part.h"

namespace hone::kernels {
namespace {

constexpr int64_t kW = Vector::kWidth;

void unary(Unary f, const float* x, float* y, int64_t n) {
  switch (f) {
    case Unary::abs: return each_vector(x, y, n, [](Vector v) { return absolute(v); });
    case Unary::erf: return each_vector(x, y, n, [](Vector v) { return error_function(v); });
    case Unary::exp: return each_vector(x, y, n, [](Vector v) { return exponential(v); });
    case Unary::gelu: return each_vector(x, y, n, [](Vector v) { return gelu(v); });
    case Unary::gelu_tanh: return each_vector(x, y, n, [](Vector v) { return gelu_tanh(v); });
    case Unary::neg: return each_vector(x, y, n, [](Vector v) { return v * Vector::all(-1.0f); });
    case Unary::relu: return each_vector(x, y, n, [](Vector v) { return max(Vector::zero(), v); });
    case Unary::sigmoid: return each_vector(x, y, n, [](Vector v) { return sigmoid(v); });
    case Unary::silu: return each_vector(x, y, n, [](Vector v) { return silu(v); });
    case Unary::sqrt: return each_vector(x, y, n, [](Vector v) { return square_root(v); });
    case Unary::tanh: return each_vector(x, y, n, [](Vector v) { return hyperbolic_tangent(v); });
  }
}

template <class F, class G>
inline void each_pair(const float* a, int64_t a_step, const float* b, int64_t b_step, float* y,
                      int64_t n, F f, G g) {
  int64_t i = 0;
  const Vector first = Vector::all(n > 0 ? *a : 0), second = Vector::all(n > 0 ? *b : 0);
  for (; i + kW <= n; i += kW)
    f(a_step ? Vector::load(a + i) : first, b_step ? Vector::load(b + i) : second).store(y + i);
  for (; i < n; ++i) y[i] = g(a[i * a_step], b[i * b_step]);
}

void binary(Binary f, const float* a, int64_t a_step, const float* b, int64_t b_step, float* y,
            int64_t n) {
  switch (f) {
    case Binary::add:
      return each_pair(
          a, a_step, b, b_step, y, n, [](Vector p, Vector q) { return p + q; },
          [](float p, float q) { return p + q; });
    case Binary::sub:
      return each_pair(
          a, a_step, b, b_step, y, n, [](Vector p, Vector q) { return p - q; },
          [](float p, float q) { return p - q; });
    case Binary::mul:
      return each_pair(
          a, a_step, b, b_step, y, n, [](Vector p, Vector q) { return p * q; },
          [](float p, float q) { return p * q; });
    case Binary::div:
      return each_pair(
          a, a_step, b, b_step, y, n, [](Vector p, Vector q) { return p / q; },
          [](float p, float q) { return p / q; });
  }
}

void clip(const float* x, float low, float high, float* y, int64_t n) {
  const Vector bottom = Vector::all(low), top = Vector::all(high);
  each_vector(x, y, n, [=](Vector v) { return min(top, max(bottom, v)); });
}

// Folds the lanes in a fixed order.
template <class G>
inline float across(Vector v, G g) {
  float lanes[kW];
  v.store(lanes);
  for (int64_t half = kW / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; ++i) lanes[i] = g(lanes[i], lanes[i + half]);
  return lanes[0];
}

// Four running results, so that one does not wait for the other.
template <class F, class G>
inline float reduce(const float* x, int64_t n, Vector start, F f, G g) {
  Vector r[4] = {start, start, start, start};
  int64_t i = 0;
  for (; i + 4 * kW <= n; i += 4 * kW)
    for (int64_t k = 0; k < 4; ++k) r[k] = f(r[k], Vector::load(x + i + k * kW));
  for (; i + kW <= n; i += kW) r[0] = f(r[0], Vector::load(x + i));
  float lanes[4 * kW];
  for (int64_t k = 0; k < 4; ++k) r[k].store(lanes + k * kW);
  Vector all = Vector::load(lanes);
  float result = 0;
  for (int64_t k = 1; k < 4; ++k) {
    float sum[kW];
    all.store(sum);
    for (int64_t j = 0; j < kW; ++j) sum[j] = g(sum[j], lanes[k * kW + j]);
    all = Vector::load(sum);
  }
  result = across(all, g);
  return result;
}

inline float plus(float a, float b) { return a + b; }

float sum(const float* x, int64_t n) {
  float total = reduce(x, n, Vector::zero(), [](Vector s, Vector v) { return s + v; }, plus);
  for (int64_t i = n / kW * kW; i < n; ++i) total += x[i];
  return total;
}

void softmax(const float* x, float factor, float* y, int64_t n) {
  if (n == 0) return;
  const auto larger = [](float a, float b) { return a < b ? b : a; };
  float top = reduce(x, n, Vector::all(x[0]), [](Vector s, Vector v) { return max(v, s); }, larger);
  for (int64_t i = n / kW * kW; i < n; ++i) top = larger(top, x[i]);
  const Vector most = Vector::all(top), scale = Vector::all(factor);
  const auto power = [=](Vector v) { return exponential_below_one((v - most) * scale); };
  Vector sums[2] = {Vector::zero(), Vector::zero()};
  int64_t i = 0;
  for (; i + 2 * kW <= n; i += 2 * kW)
    for (int64_t k = 0; k < 2; ++k) {
      const Vector e = power(Vector::load(x + i + k * kW));
      e.store(y + i + k * kW);
      sums[k] = sums[k] + e;
    }
  for (; i < n; i += kW) {
    const int64_t rest = n - i < kW ? n - i : kW;
    power(Vector::load(x + i, rest)).store(y + i, rest);
    const Vector e = Vector::load(y + i, rest);
    sums[0] = sums[0] + e;
  }
  const Vector share = Vector::all(1.0f / across(sums[0] + sums[1], plus));
  each_vector(y, y, n, [=](Vector v) { return v * share; });
}

bool layer_normalization(const float* x, const float* scale, const float* bias, float epsilon,
                         float* y, int64_t n) {
  const float mean = sum(x, n) / float(n);
  const Vector middle = Vector::all(mean);
  float squares = reduce(
      x, n, Vector::zero(),
      [=](Vector s, Vector v) {
        const Vector d = v - middle;
        return fma(d, d, s);
      },
      plus);
  for (int64_t i = n / kW * kW; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  if (!(squares < __builtin_inff())) return false;
  const float factor = 1.0f / __builtin_sqrtf(squares / float(n) + epsilon);
  const Vector factors = Vector::all(factor);
  int64_t i = 0;
  for (; i + kW <= n; i += kW) {
    const Vector scaled = (Vector::load(x + i) - middle) * factors;
    const Vector shift = bias ? Vector::load(bias + i) : Vector::zero();
    fma(scaled, Vector::load(scale + i), shift).store(y + i);
  }
  for (; i < n; ++i) y[i] = (x[i] - mean) * factor * scale[i] + (bias ? bias[i] : 0.0f);
  return true;
}

void standardize(const float* x, float mean, float factor, float bias, float* y, int64_t n) {
  const Vector m = Vector::all(mean), f = Vector::all(factor), b = Vector::all(bias);
  each_vector(x, y, n, [=](Vector v) { return fma(v - m, f, b); });
}

float dot(const float* x, const float* y, int64_t n) {
  Vector sums[4] = {Vector::zero(), Vector::zero(), Vector::zero(), Vector::zero()};
  int64_t i = 0;
  for (; i + 4 * kW <= n; i += 4 * kW)
#pragma GCC unroll 4
    for (int64_t k = 0; k < 4; ++k)
      sums[k] = fma(Vector::load(x + i + k * kW), Vector::load(y + i + k * kW), sums[k]);
  for (; i + kW <= n; i += kW) sums[0] = fma(Vector::load(x + i), Vector::load(y + i), sums[0]);
  if (i < n) sums[1] = fma(Vector::load(x + i, n - i), Vector::load(y + i, n - i), sums[1]);
  return across((sums[0] + sums[1]) + (sums[2] + sums[3]), plus);
}

void add_scaled(const float* x, float factor, float* y, int64_t n) {
  const Vector f = Vector::all(factor);
  int64_t i = 0;
  for (; i + kW <= n; i += kW) fma(Vector::load(x + i), f, Vector::load(y + i)).store(y + i);
  if (i < n) fma(Vector::load(x + i, n - i), f, Vector::load(y + i, n - i)).store(y + i, n - i);
}

constexpr RowKernels kRows{unary,       binary, clip, softmax,   layer_normalization,
                           standardize, sum,    dot,  add_scaled};

}  // namespace
}  // namespace hone::kernels
