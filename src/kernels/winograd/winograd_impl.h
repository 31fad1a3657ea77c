// Winograd's transforms with the vectors of the including file's instruction set.
#pragma once

#include "kernels/vector.h"
#include "kernels/winograd/winograd.h"

namespace hone::kernels {
namespace {

constexpr int kIn = int(kWinogradInput), kOut = int(kWinogradTile);

inline Vector times(float factor, Vector x, Vector y) { return fma(Vector::all(factor), x, y); }

// B^T d for six values `step` apart.
inline void input_line(const Vector* d, int step, Vector* out) {
  const Vector d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step],
               d5 = d[5 * step];
  const Vector a = times(-4, d2, d4), b = times(-4, d1, d3);
  const Vector e = d4 - d2, f = d3 - d1, f2 = f + f;
  out[0] = times(4, d0, times(-5, d2, d4));
  out[step] = a + b;
  out[2 * step] = a - b;
  out[3 * step] = e + f2;
  out[4 * step] = e - f2;
  out[5 * step] = times(4, d1, times(-5, d3, d5));
}

// A^T m for six values `step` apart, to four `out_step` apart.
inline void output_line(const Vector* m, int step, Vector* out, int out_step) {
  const Vector a = m[step] + m[2 * step], b = m[step] - m[2 * step];
  const Vector c = m[3 * step] + m[4 * step], d = m[3 * step] - m[4 * step];
  out[0] = m[0] + a + c;
  out[out_step] = times(2, d, b);
  out[2 * out_step] = times(4, c, a);
  out[3 * out_step] = times(8, d, b) + m[5 * step];
}

// G g for three values `step` apart, to six `out_step` apart.
inline void weights_line(const Vector* g, int step, Vector* out, int out_step) {
  const Vector quarter = Vector::all(1.0f / 4), sixth = Vector::all(1.0f / 6),
               twelfth = Vector::all(1.0f / 12), part = Vector::all(1.0f / 24);
  const Vector outer = (g[0] + g[2 * step]) * sixth, middle = g[step] * sixth;
  const Vector ends = fma(g[0], part, g[2 * step] * sixth), half = g[step] * twelfth;
  out[0] = g[0] * quarter;
  out[out_step] = Vector::zero() - (outer + middle);
  out[2 * out_step] = middle - outer;
  out[3 * out_step] = ends + half;
  out[4 * out_step] = ends - half;
  out[5 * out_step] = g[2 * step];
}

// Calls f(first channel, how many) for whole vectors and what is left over.
template <class F>
inline void each_part(int64_t channels, F f) {
  int64_t c = 0;
  for (; c + Vector::kWidth <= channels; c += Vector::kWidth) f(c, Vector::kWidth);
  if (c < channels) f(c, channels - c);
}

inline Vector load_part(const float* p, int64_t n) {
  return n == Vector::kWidth ? Vector::load(p) : Vector::load(p, n);
}
inline void store_part(Vector v, float* p, int64_t n) {
  if (n == Vector::kWidth) return v.store(p);
  v.store(p, n);
}

void input(const float* const* pixels, int64_t channels, float* out, int64_t step) {
  each_part(channels, [&](int64_t c, int64_t n) {
    Vector d[kIn * kIn], t[kIn * kIn];
    for (int i = 0; i < kIn * kIn; ++i) d[i] = load_part(pixels[i] + c, n);
    for (int x = 0; x < kIn; ++x) input_line(d + x, kIn, t + x);
    for (int y = 0; y < kIn; ++y) input_line(t + y * kIn, 1, d + y * kIn);
    for (int i = 0; i < kIn * kIn; ++i) store_part(d[i], out + i * step + c, n);
  });
}

void weights(const float* panel, int64_t position, int64_t count, float* out, int64_t step) {
  constexpr int kTaps = 3;
  for (int64_t at = 0; at < count; at += Vector::kWidth) {
    Vector g[kTaps * kTaps], t[kIn * kTaps];
    for (int i = 0; i < kTaps * kTaps; ++i) g[i] = Vector::load(panel + i * position + at);
    for (int x = 0; x < kTaps; ++x) weights_line(g + x, kTaps, t + x, kTaps);
    for (int y = 0; y < kIn; ++y) {
      Vector u[kIn];
      weights_line(t + y * kTaps, 1, u, 1);
      for (int i = 0; i < kIn; ++i) u[i].store(out + (y * kIn + i) * step + at);
    }
  }
}

bool output(const float* products, int64_t step, int64_t channels, int64_t rows, int64_t columns,
            float* y, int64_t y_row, int64_t y_step) {
  Vector nothing = Vector::zero();  // infinity less infinity is no number
  each_part(channels, [&](int64_t c, int64_t n) {
    Vector m[kIn * kIn], t[kOut * kIn], out[kOut * kOut];
    for (int i = 0; i < kIn * kIn; ++i) m[i] = load_part(products + i * step + c, n);
    for (int x = 0; x < kIn; ++x) output_line(m + x, kIn, t + x, kIn);
    for (int r = 0; r < kOut; ++r) output_line(t + r * kIn, 1, out + r * kOut, 1);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t x = 0; x < columns; ++x)
        store_part(out[r * kOut + x], y + r * y_row + x * y_step + c, n);
    for (int i = 0; i < kOut * kOut; ++i) nothing = nothing + (out[i] - out[i]);
  });
  float lanes[Vector::kWidth];
  nothing.store(lanes);
  for (const float lane : lanes)
    if (lane != 0) return false;
  return true;
}

constexpr WinogradKernels kWinograd{input, weights, output};

}  // namespace
}  // namespace hone::kernels
