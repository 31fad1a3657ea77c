// Logarithms and powers, on vectors. Polynomials as in vector_math.h; errors are checked by
// functions_test.cc.
#pragma once

#include "kernels/vector_bits.h"
#include "kernels/vector_math.h"

namespace hone::kernels {
namespace {

// A positive number as m * 2^e with m in [sqrt(1/2), sqrt(2)).
struct Parts {
  Vector m, e;
};
inline Parts parts_of(Vector x) {
  const Mask subnormal = x < Vector::all(0x1p-126f);
  const Vector normal = select(subnormal, x * Vector::all(0x1p25f), x);
  const Vector m = significand_of(normal);
  const Vector e = exponent_of(normal) - select(subnormal, Vector::all(25.0f), Vector::zero());
  const Mask large = Vector::all(1.41421354f) < m;
  return {select(large, m * Vector::all(0.5f), m), select(large, e + Vector::all(1.0f), e)};
}

// log(1 + f) - f, for f in [sqrt(1/2) - 1, sqrt(2) - 1].
inline Vector logarithm_rest(Vector f) {
  const Vector cubes =
      polynomial(f, Vector::all(0.067466408f), -0.116756521f, 0.11888162f, -0.124055892f,
                 0.142195523f, -0.166679963f, 0.200021192f, -0.250000089f, 0.333333135f);
  return f * f * fma(cubes, f, Vector::all(-0.5f));
}

// ln x to 2 ulp; -infinity of zeros, NaN of negative numbers.
inline Vector logarithm(Vector x) {
  const Parts p = parts_of(x);
  const Vector f = p.m - Vector::all(1.0f);
  // ln 2 in two parts, the first of few digits so that e times it is exact.
  const Vector rest = fma(p.e, Vector::all(-2.12194440e-4f), logarithm_rest(f));
  Vector y = fma(p.e, Vector::all(0.693359375f), f + rest);
  y = select(x < Vector::all(__builtin_inff()), y, x);  // infinity and NaN stay
  y = select(x == Vector::zero(), Vector::all(-__builtin_inff()), y);
  return select(x < Vector::zero(), Vector::all(__builtin_nanf("")), y);
}

// ln(1 + e^x) without overflow, nor loss where e^x is small.
inline Vector softplus(Vector x) {
  const Vector one = Vector::all(1.0f);
  const Vector t = exponential(Vector::zero() - absolute(x));
  const Mask large = Vector::all(0.414213562f) < t;
  const Vector f = select(large, (t - one) * Vector::all(0.5f), t);
  const Vector shift = select(large, Vector::all(0.693147181f), Vector::zero());
  return max(Vector::zero(), x) + (f + logarithm_rest(f) + shift);
}

// e^x - 1.
inline Vector exponential_less_one(Vector x) {
  const Vector rest = polynomial(x, Vector::all(0.000198498106f), 0.00139961764f, 0.00833357871f,
                                 0.0416653603f, 0.166666642f, 0.5f);
  const Vector small = fma(x * x, rest, x);
  return select(absolute(x) < Vector::all(0.5f), small, exponential(x) - Vector::all(1.0f));
}

// log2 of a positive number as a sum, to about 32 bits.
struct Sum {
  Vector high, low;
};
inline Sum binary_logarithm(Vector x) {
  const Parts p = parts_of(x);
  const Vector one = Vector::all(1.0f);
  // ln m = 2 artanh s with s = f / (2 + f), the quotient in two parts.
  const Vector f = p.m - one, t = f + Vector::all(2.0f), t_low = f - (t - Vector::all(2.0f));
  const Vector s = f / t, product = s * t;
  const Vector s_low = ((f - product) - residue(s, t, product) - s * t_low) / t;
  const Vector z = s * s;
  const Vector cubes =
      s * z * polynomial(z, Vector::all(0.340224981f), 0.411706001f, 0.577082872f, 0.961796701f);
  // 2 / ln 2 in two parts.
  const Vector factor = Vector::all(2.88539004f), factor_low = Vector::all(3.85192607e-08f);
  const Vector high = s * factor;
  const Vector low = residue(s, factor, high) + (s * factor_low + s_low * factor) + cubes;
  // Joined so that the second part is small: |e| is 0 or larger than the rest.
  const Vector joined = p.e + high, rest = (high - (joined - p.e)) + low, sum = joined + rest;
  return {sum, rest - (sum - joined)};
}

// x^y as IEEE 754 defines pow, to 2.5 ulp.
inline Vector power(Vector x, Vector y) {
  const Vector a = absolute(x), zero = Vector::zero(), one = Vector::all(1.0f);
  const Vector infinity = Vector::all(__builtin_inff());
  const Sum log = binary_logarithm(a);
  Vector high = log.high;
  high = select(a == zero, zero - infinity, high);
  high = select(a == infinity, infinity, high);
  const Vector exponent = y * high;
  const Vector low = residue(y, high, exponent) + y * log.low;
  const Vector n = rounded(min(Vector::all(160.0f), max(Vector::all(-160.0f), exponent)));
  const Vector r = (exponent - n) + low;
  const Vector half = rounded(n * Vector::all(0.5f) - Vector::all(0.25f));
  const Vector fraction =
      polynomial(r, Vector::all(1.51961567e-05f), 0.000154667563f, 0.00133339351f, 0.00961803831f,
                 0.0555041023f, 0.240226507f, 0.693147182f);
  Vector size = fma(fraction, r, one) * power_of_two(half) * power_of_two(n - half);
  size = select(exponent < Vector::all(-150.5f), zero, size);
  size = select(Vector::all(128.5f) < exponent, infinity, size);
  size = select(is_nan(exponent), exponent, size);
  size = select(a == one, one, size);

  const Vector halved = y * Vector::all(0.5f);
  const Vector even = select(halved == truncated(halved), one, zero);
  const Vector whole = select(y == truncated(y), one, zero);
  const Vector odd = whole - even;  // infinities: of both, or of neither kind
  Vector result = select(zero < odd, with_sign(size, x), size);
  const Vector undefined = select(x < zero, select(a < infinity, one - whole, zero), zero);
  result = select(zero < undefined, Vector::all(__builtin_nanf("")), result);
  result = select(is_nan(x), x, result);
  result = select(is_nan(y), y, result);
  result = select(x == one, one, result);
  return select(y == zero, one, result);
}

}  // namespace
}  // namespace hone::kernels
