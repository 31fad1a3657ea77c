// Paged attention with the vectors of the including file's instruction set.
#pragma once

#include "kernels/paged_attention/paged_attention.h"
#include "kernels/vector_math.h"

namespace hone::kernels {
namespace {

constexpr int64_t kW = Vector::kWidth;
constexpr float kNone = -__builtin_inff();

#if defined(__AVX512F__)
constexpr int kTileRows = 6, kTileVectors = 4;
#elif defined(__AVX2__)
constexpr int kTileRows = 4, kTileVectors = 2;
#else
constexpr int kTileRows = 4, kTileVectors = 2;
#endif

// out[r][..] (+)= sum over k of a[r][k] b[k][..] for a tile of rows and vectors.
struct Tile {
  const float* a;
  int64_t a_step;
  const float* b;
  int64_t b_step;
  int64_t begin, end;  // of k
  float* out;
  int64_t out_step;
};

template <int kRows, int kVectors, bool kAdd>
inline void multiply_tile(const Tile& t) {
  Vector sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sums[r][v] = kAdd ? Vector::load(t.out + r * t.out_step + v * kW) : Vector::zero();
  for (int64_t k = t.begin; k < t.end; ++k) {
    Vector b[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) b[v] = Vector::load(t.b + k * t.b_step + v * kW);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vector a = Vector::all(t.a[r * t.a_step + k]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[r][v] = fma_in_place(a, b[v], sums[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[r][v].store(t.out + r * t.out_step + v * kW);
}

template <int kRows, bool kAdd>
void multiply_rows(Tile t, int64_t columns) {
  int64_t j = 0;
  for (; j + kTileVectors * kW <= columns; j += kTileVectors * kW) {
    multiply_tile<kRows, kTileVectors, kAdd>(t);
    t.b += kTileVectors * kW;
    t.out += kTileVectors * kW;
  }
  for (; j < columns; j += kW, t.b += kW, t.out += kW) multiply_tile<kRows, 1, kAdd>(t);
}

// The last rows of a tile may be fewer.
template <int kRows, bool kAdd>
void multiply_some(const Tile& t, int64_t rows, int64_t columns) {
  if constexpr (kRows > 1)
    if (rows < kRows) return multiply_some<kRows - 1, kAdd>(t, rows, columns);
  multiply_rows<kRows, kAdd>(t, columns);
}

template <bool kAdd>
void multiply_all(Tile t, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; r += kTileRows) {
    multiply_some<kTileRows, kAdd>(t, rows - r < kTileRows ? rows - r : kTileRows, columns);
    t.a += kTileRows * t.a_step;
    t.out += kTileRows * t.out_step;
  }
}

// Halves are put together until one number is left.
#if defined(__AVX512F__)
inline float total(Vector v) { return _mm512_reduce_add_ps(v.v); }
inline float largest(Vector v) { return _mm512_reduce_max_ps(v.v); }
#else
template <class F>
inline float folded(Vector v, F both) {
  float lanes[kW];
  v.store(lanes);
  for (int64_t half = kW / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; ++i) lanes[i] = both(lanes[i], lanes[i + half]);
  return lanes[0];
}
inline float total(Vector v) {
  return folded(v, [](float a, float b) { return a + b; });
}
inline float largest(Vector v) {
  return folded(v, [](float a, float b) { return a > b ? a : b; });
}
#endif
inline float exponential_of(float x) {
  float lanes[kW];
  exponential_below_one(Vector::all(x)).store(lanes);
  return lanes[0];
}

void cap_scores(float* row, int64_t n, float cap) {
  const Vector all = Vector::all(cap), inverse = Vector::all(1 / cap);
  for (int64_t j = 0; j < n; j += kW)
    (hyperbolic_tangent(Vector::load(row + j) * inverse) * all).store(row + j);
}

// Scores to weights; what was summed up so far is put in the same measure.
void soften(const AttentionRows& q, int64_t r, const AttentionPage& page) {
  float* row = q.scores + r * page.key_step;
  const int64_t n = page.key_step;
  if (q.cap > 0) cap_scores(row, n, q.cap);
  for (int64_t j = 0; j < q.first[r]; ++j) row[j] = kNone;
  for (int64_t j = q.last[r]; j < n; ++j) row[j] = kNone;
  Vector most = Vector::all(q.most[r]);
  for (int64_t j = 0; j < n; j += kW) most = max(Vector::load(row + j), most);
  const float top = largest(most);
  if (top == kNone) {
    for (int64_t j = 0; j < n; ++j) row[j] = 0;
    return;
  }
  const Vector tops = Vector::all(top);
  Vector sum = Vector::zero();
  for (int64_t j = 0; j < n; j += kW) {
    const Vector e = exponential_below_one(Vector::load(row + j) - tops);
    e.store(row + j);
    sum = sum + e;
  }
  const float before = q.most[r] == top ? 1 : exponential_of(q.most[r] - top);
  q.most[r] = top;
  q.sums[r] = q.sums[r] * before + total(sum);
  if (before == 1) return;
  float* values = q.values + r * page.value_step;
  const Vector factor = Vector::all(before);
  for (int64_t e = 0; e < page.value_step; e += kW)
    (Vector::load(values + e) * factor).store(values + e);
}

void attend(const AttentionRows& q, const AttentionPage& page) {
  int64_t begin = page.key_step, end = 0;
  for (int64_t r = 0; r < q.rows; ++r) {
    if (q.first[r] >= q.last[r]) continue;
    begin = q.first[r] < begin ? q.first[r] : begin;
    end = q.last[r] > end ? q.last[r] : end;
  }
  if (begin >= end) return;
  multiply_all<false>(
      {q.queries, q.depth, page.keys, page.key_step, 0, q.depth, q.scores, page.key_step}, q.rows,
      page.key_step);
  for (int64_t r = 0; r < q.rows; ++r) soften(q, r, page);
  multiply_all<true>({q.scores, page.key_step, page.values, page.value_step, begin, end, q.values,
                      page.value_step},
                     q.rows, page.value_step);
}

constexpr PagedAttentionKernels kPagedAttention{attend};

}  // namespace
}  // namespace hone::kernels
