// Products of two matrices of bytes that are both computed: the right-hand one is packed at run
// time.
#pragma once

#include <functional>

#include "base/thread_pool.h"
#include "ir/op.h"

namespace hone::cpu {

// Zero points of rows or columns: element first + (i * step) % period of a tensor, or 0.
struct Zeros {
  const Tensor* tensor = nullptr;
  int64_t first = 0, step = 0, period = INT64_MAX;
  int32_t operator[](int64_t i) const {
    return tensor ? int32_t(load_integer(*tensor, first + i * step % period)) : 0;
  }
};

// (A - zeros of rows)(B - zeros of columns), modulo 2^32, for A [m, k] and B [k, n].
struct BytePair {
  const uint8_t* a = nullptr;    // in C order, unsigned: signed ones have been turned
  bool a_signed = false;         // they have
  const std::byte* b = nullptr;  // in C order
  bool b_signed = false;
  // Instead of these: writes rows [first, last) of B one after the other, as b would be.
  std::function<void(int64_t first, int64_t last, std::byte* to)> rows;
  int64_t m = 0, k = 0, n = 0;
  Zeros row_zeros, column_zeros;
  // Added to the sums of a row; null for none.
  const int32_t* added = nullptr;
};

// Calls f(i) for i in [0, count): products with a right-hand side [k, n] each, several at a time
// where they are small, so that memory does not grow with the threads; else each on all threads.
void each_product(int64_t count, int64_t k, int64_t n, ThreadPool& pool,
                  const std::function<void(int64_t)>& f);

// sums [m, n]. Where `finish` is given, it gets each row when its sums are there: finish(row,
// sums).
void multiply_pair(const BytePair& pair, int32_t* sums, const Call& c, ThreadPool& pool,
                   const std::function<void(int64_t row, const int32_t* sums)>& finish = {});

}  // namespace hone::cpu
