// Exponential and what is made of it, on vectors. Polynomials fitted for this project by iterated
// reweighted least squares towards the smallest largest error (C. L. Lawson's algorithm, 1961).
// Errors against the exact functions, in units in the last place, are checked by rows_test.cc.
#pragma once

#include "kernels/vector.h"

namespace hone::kernels {
namespace {

inline Vector polynomial(Vector, Vector sum) { return sum; }
// The rest of Horner's rule: coefficients from the highest power down.
template <class... C>
Vector polynomial(Vector x, Vector sum, float next, C... rest) {
  return polynomial(x, fma(sum, x, Vector::all(next)), rest...);
}

// e^x = y 2^n, for x in [-87.34, 88.73].
struct Exponential {
  Vector y, n;
};
inline Exponential split_exponential(Vector x) {
  // x = n ln 2 + r; ln 2 in two parts, the first of few digits so that n times it is exact.
  const Vector n = rounded(x * Vector::all(1.44269504f));
  Vector r = fma(n, Vector::all(-0.693359375f), x);
  r = fma(n, Vector::all(2.12194440e-4f), r);
  const Vector p = polynomial(r, Vector::all(0.0001990631f), 0.0013931929f, 0.008333288f,
                              0.04166649f, 0.16666667f, 0.5f);
  return {fma(p * r, r, r + Vector::all(1.0f)), n};
}

// e^x to 2 ulp; 0 below -87.33, infinity above 88.72; NaN stays.
inline Vector exponential(Vector x) {
  const Vector low = Vector::all(-87.336544f), high = Vector::all(88.722839f);
  const Exponential e = split_exponential(min(high, max(low, x)));
  // n may be 128: two steps.
  const Vector half = rounded(e.n * Vector::all(0.5f) - Vector::all(0.25f));
  Vector result = e.y * power_of_two(half) * power_of_two(e.n - half);
  result = select(x < low, Vector::zero(), result);
  return select(high < x, Vector::all(__builtin_inff()), result);
}

// e^x for x <= 0, to 2 ulp; 0 below -87.33; NaN stays.
inline Vector exponential_below_one(Vector x) {
  const Vector low = Vector::all(-87.336544f);
  const Exponential e = split_exponential(max(low, x));
  return select(x < low, Vector::zero(), e.y * power_of_two(e.n));
}

// 1 / (1 + e^-x).
inline Vector sigmoid(Vector x) {
  const Vector one = Vector::all(1.0f);
  return one / (one + exponential(Vector::zero() - x));
}

inline Vector hyperbolic_tangent(Vector x) {
  const Vector a = absolute(x), s = x * x, one = Vector::all(1.0f);
  const Vector small = x * polynomial(s, Vector::all(-0.005863216f), 0.020763585f, -0.053771846f,
                                      0.13331729f, -0.33333284f, 1.0f);
  const Vector large = with_sign(one - Vector::all(2.0f) / (exponential(a + a) + one), x);
  return select(a < Vector::all(0.6f), small, large);
}

inline Vector error_function(Vector x) {
  const Vector a = absolute(x), s = x * x, one = Vector::all(1.0f);
  const Vector small = x * polynomial(s, Vector::all(7.889119e-05f), -0.0008020841f, 0.005189535f,
                                      -0.026854444f, 0.112836f, -0.37612626f, 1.1283791f);
  // ln(1 - erf(a)) is smooth; beyond 4, erf is 1. NaN, as second operand, stays.
  const Vector t = min(Vector::all(4.0f), a);
  const Vector g =
      polynomial(t, Vector::all(2.1111411e-07f), -2.4740615e-05f, 0.00046027612f, -0.0042703617f,
                 0.025348362f, -0.10860587f, -0.6330663f, -1.129649f, 0.00020201641f);
  const Vector large = with_sign(one - exponential(g), x);
  return select(a < one, small, large);
}

// The standard normal distribution function, to 8e-8; 0 below -5.6. NaN stays. What it lacks of 1
// for |x|, by a polynomial around the middle of its range: its terms hardly cancel, and even and
// odd powers do not wait for each other.
inline Vector normal_distribution(Vector x) {
  const Vector limit = Vector::all(5.6f), zero = Vector::zero(), a = absolute(x);
  const Vector t = min(limit, a) - Vector::all(2.8f), t2 = t * t;
  const Vector even = polynomial(t2, Vector::all(1.93548053e-10f), -2.39409026e-09f,
                                 -1.4040728e-07f, 4.66695974e-06f, -5.01872601e-05f,
                                 -5.93217082e-05f, 0.00446961913f, 0.0110815726f, 0.0025551354f);
  const Vector odd = polynomial(t2, Vector::all(-1.78082693e-09f), 6.96491256e-08f, -9.3820222e-07f,
                                -8.46182161e-07f, 0.000162240773f, -0.00115120783f, -0.00902273506f,
                                -0.00791557599f);
  // Near its end it would fall below 0.
  const Vector tail = select(limit < a, zero, max(zero, fma(odd, t, even)));
  return select(x < zero, tail, Vector::all(1.0f) - tail);
}

}  // namespace
}  // namespace hone::kernels
