// The first lanes of a vector: what is left of a row beyond its last whole vector.
#pragma once

#include "kernels/vector.h"

namespace hone::kernels {
namespace {

// Whole vectors, behind the same interface as the first lanes of one.
struct AllLanes {
  Vector load(const float* p) const { return Vector::load(p); }
  void store(Vector v, float* p) const { v.store(p); }
};

// `count` lanes, at least one and fewer than a vector has. The others are loaded as zeros and not
// stored; their memory is not touched.
#if defined(__AVX512F__)

class FirstLanes {
 public:
  explicit FirstLanes(int64_t count) : mask_(__mmask16((1u << count) - 1)) {}
  Vector load(const float* p) const { return {_mm512_maskz_loadu_ps(mask_, p)}; }
  void store(Vector v, float* p) const { _mm512_mask_storeu_ps(p, mask_, v.v); }

 private:
  __mmask16 mask_;
};

#elif defined(__AVX2__)

class FirstLanes {
 public:
  explicit FirstLanes(int64_t count)
      : mask_(_mm256_cmpgt_epi32(_mm256_set1_epi32(int32_t(count)),
                                 _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}
  Vector load(const float* p) const { return {_mm256_maskload_ps(p, mask_)}; }
  void store(Vector v, float* p) const { _mm256_maskstore_ps(p, mask_, v.v); }

 private:
  __m256i mask_;
};

#else

class FirstLanes {
 public:
  explicit FirstLanes(int64_t count) : count_(count) {}
  Vector load(const float* p) const {
    float lanes[Vector::kWidth] = {};
    for (int64_t i = 0; i < count_; ++i) lanes[i] = p[i];
    return Vector::load(lanes);
  }
  void store(Vector v, float* p) const {
    float lanes[Vector::kWidth];
    v.store(lanes);
    for (int64_t i = 0; i < count_; ++i) p[i] = lanes[i];
  }

 private:
  int64_t count_;
};

#endif

// Keeps what has been loaded in a register: the compiler would load it again for each use, which
// costs where it crosses cache lines.
inline void keep(Vector& v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v.v));
#elif defined(__x86_64__)
  asm("" : "+x"(v.v));
#endif
}

// Calls f(lanes, i) for the vectors that begin at the elements i of [begin, end).
template <class F>
inline __attribute__((always_inline)) void each_vector_of(int64_t begin, int64_t end, F f) {
  int64_t i = begin;
  for (; i + Vector::kWidth <= end; i += Vector::kWidth) f(AllLanes(), i);
  if (i < end) f(FirstLanes(end - i), i);
}

// y = f(x), for n elements.
template <class F>
inline void each_vector(const float* x, float* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + Vector::kWidth <= n; i += Vector::kWidth) f(Vector::load(x + i)).store(y + i);
  if (i < n) f(Vector::load(x + i, n - i)).store(y + i, n - i);
}

// n lanes, all of them or fewer.
inline void store_some(Vector v, float* y, int64_t n) {
  if (n == Vector::kWidth) return v.store(y);
  v.store(y, n);
}

}  // namespace
}  // namespace hone::kernels
