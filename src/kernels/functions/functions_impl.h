// Functions with the vectors of the including file's instruction set.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/functions/functions.h"
#include "kernels/vector_part.h"
#include "kernels/vector_power.h"

namespace hone::kernels {
namespace {

constexpr int64_t kW = Vector::kWidth;

inline Vector negative_part(Vector x, Vector below) { return select(x < Vector::zero(), below, x); }

// x tanh(softplus(x)): tanh(ln(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2).
inline Vector mish(Vector x) {
  const Vector e = exponential(min(Vector::all(20.0f), x)), two = Vector::all(2.0f);
  const Vector n = e * (e + two);
  return x * (n / (n + two));
}

inline Vector sign_of(Vector x) {
  const Vector one = with_sign(Vector::all(1.0f), x);
  return select(x == Vector::zero(), Vector::zero(), select(is_nan(x), x, one));
}

void map(Function f, float a, float b, const float* x, float* y, int64_t n) {
  const Vector p = Vector::all(a), q = Vector::all(b);
  const Vector zero = Vector::zero(), one = Vector::all(1.0f);
  const auto run = [=](auto g) { each_vector(x, y, n, g); };
  switch (f) {
    case Function::ceiling: return run([](Vector v) { return ceiling_of(v); });
    case Function::celu:
      return run([=](Vector v) { return negative_part(v, p * exponential_less_one(v / p)); });
    case Function::elu:
      return run([=](Vector v) { return negative_part(v, p * exponential_less_one(v)); });
    case Function::floor: return run([](Vector v) { return floor_of(v); });
    case Function::hard_sigmoid:
      return run([=](Vector v) { return min(one, max(zero, v * p + q)); });
    case Function::hard_swish:
      return run([=](Vector v) {
        // x + 3 first: it is exact where the result is small.
        const Vector gate = min(Vector::all(6.0f), max(zero, v + Vector::all(3.0f)));
        return v * (gate * Vector::all(1.0f / 6));
      });
    case Function::leaky_relu: return run([=](Vector v) { return negative_part(v, p * v); });
    case Function::logarithm: return run([](Vector v) { return logarithm(v); });
    case Function::mish: return run([](Vector v) { return mish(v); });
    case Function::reciprocal: return run([=](Vector v) { return one / v; });
    case Function::round: return run([](Vector v) { return nearest(v); });
    case Function::selu:
      return run([=](Vector v) { return q * negative_part(v, p * exponential_less_one(v)); });
    case Function::shrink:
      return run([=](Vector v) {
        const Vector above = select(q < v, v - p, zero);
        return select(v < zero - q, v + p, above);
      });
    case Function::sign: return run([](Vector v) { return sign_of(v); });
    case Function::softplus: return run([](Vector v) { return softplus(v); });
    case Function::softsign: return run([=](Vector v) { return v / (one + absolute(v)); });
    case Function::square: return run([](Vector v) { return v * v; });
    case Function::swish: return run([=](Vector v) { return v * sigmoid(v * p); });
    case Function::thresholded_relu: return run([=](Vector v) { return select(p < v, v, zero); });
  }
}

// Pairs of elements, of which either may stand still.
template <class F>
inline void each_pair(const float* a, int64_t a_step, const float* b, int64_t b_step, int64_t n,
                      F f) {
  if (n == 0) return;
  const Vector first = Vector::all(*a), second = Vector::all(*b);
  int64_t i = 0;
  for (; i + kW <= n; i += kW)
    f(a_step ? Vector::load(a + i) : first, b_step ? Vector::load(b + i) : second, i, kW);
  if (i == n) return;
  float rest[2][kW] = {};
  for (int64_t j = i; j < n; ++j) {
    rest[0][j - i] = a[j * a_step];
    rest[1][j - i] = b[j * b_step];
  }
  f(Vector::load(rest[0]), Vector::load(rest[1]), i, n - i);
}

void pairwise(Pairwise f, const float* a, int64_t a_step, const float* b, int64_t b_step, float* y,
              int64_t n) {
  const auto run = [=](auto g) {
    each_pair(a, a_step, b, b_step, n, [=](Vector p, Vector q, int64_t i, int64_t count) {
      store_some(g(p, q), y + i, count);
    });
  };
  switch (f) {
    // max() gives its second operand where one is NaN.
    case Pairwise::maximum:
      return run([](Vector p, Vector q) { return select(is_nan(p), p, max(p, q)); });
    case Pairwise::minimum:
      return run([](Vector p, Vector q) { return select(is_nan(p), p, min(p, q)); });
    case Pairwise::power: return run([](Vector p, Vector q) { return power(p, q); });
    case Pairwise::prelu: return run([](Vector p, Vector q) { return negative_part(p, p * q); });
  }
}

inline void store_flags(Mask m, uint8_t* y, int64_t n) {
#if defined(__AVX512F__)
  if (n == kW) {
    const __m128i ones = _mm_maskz_set1_epi8(m.m, 1);
    return _mm_storeu_si128(reinterpret_cast<__m128i*>(y), ones);
  }
#endif
  float lanes[kW];
  select(m, Vector::all(1.0f), Vector::zero()).store(lanes);
  for (int64_t j = 0; j < n; ++j) y[j] = uint8_t(lanes[j]);
}

void compare(Relation r, const float* a, int64_t a_step, const float* b, int64_t b_step, uint8_t* y,
             int64_t n) {
  const auto run = [=](auto g) {
    each_pair(a, a_step, b, b_step, n, [=](Vector p, Vector q, int64_t i, int64_t count) {
      store_flags(g(p, q), y + i, count);
    });
  };
  switch (r) {
    case Relation::equal: return run([](Vector p, Vector q) { return p == q; });
    case Relation::greater: return run([](Vector p, Vector q) { return q < p; });
    case Relation::greater_or_equal: return run([](Vector p, Vector q) { return q <= p; });
    case Relation::less: return run([](Vector p, Vector q) { return p < q; });
    case Relation::less_or_equal: return run([](Vector p, Vector q) { return p <= q; });
  }
}

inline Mask load_flags(const uint8_t* flags) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(flags));
  return {_mm_test_epi8_mask(bytes, bytes)};
#elif defined(__AVX2__)
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(flags));
  const __m256i wide = _mm256_cvtepu8_epi32(bytes);
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(wide, _mm256_setzero_si256()))};
#else
  Mask m;
  for (int i = 0; i < kW; ++i) m.m[i] = flags[i] ? -1 : 0;
  return m;
#endif
}

void choose(const uint8_t* condition, int64_t condition_step, const float* a, int64_t a_step,
            const float* b, int64_t b_step, float* y, int64_t n) {
  uint8_t same[kW] = {};
  if (condition_step == 0 && n > 0)
    for (uint8_t& flag : same) flag = *condition;
  each_pair(a, a_step, b, b_step, n, [=](Vector p, Vector q, int64_t i, int64_t count) {
    uint8_t some[kW] = {};
    const uint8_t* flags = condition_step ? condition + i : same;
    if (count < kW) {
      for (int64_t j = 0; j < count; ++j) some[j] = flags[j];
      flags = some;
    }
    store_some(select(load_flags(flags), p, q), y + i, count);
  });
}

constexpr FunctionKernels kFunctions{map, pairwise, compare, choose};

}  // namespace
}  // namespace hone::kernels
