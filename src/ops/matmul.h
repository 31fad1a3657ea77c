// What products of matrices share: NumPy's shape rule and plain loops.
#pragma once

#include <span>

#include "ops/common.h"

namespace hone {

// Shape of a @ b by NumPy's rules: batch axes broadcast, 1-D operands lose their added axis.
Result<Shape> matmul_shape(const Infer& c, const Shape& a, const Shape& b);
// One MAC for each output element and element along the contracted axis.
Cost matmul_cost(const Infer& c, const Types& out, size_t a);

// a @ b in C order; T is double, or uint64_t for integers that wrap around.
template <class T>
std::vector<T> matmul_values(const std::vector<T>& a, Extents a_shape, const std::vector<T>& b,
                             Extents b_shape) {
  if (a_shape.size() == 1) a_shape.insert(a_shape.begin(), 1);
  if (b_shape.size() == 1) b_shape.push_back(1);
  const int64_t rows = a_shape.end()[-2], depth = a_shape.end()[-1], columns = b_shape.end()[-1];
  const Extents a_batch(a_shape.begin(), a_shape.end() - 2);
  const Extents b_batch(b_shape.begin(), b_shape.end() - 2);
  Extents batch = a_batch.size() >= b_batch.size() ? a_batch : b_batch;
  const Extents& shorter = a_batch.size() >= b_batch.size() ? b_batch : a_batch;
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& extent = batch[batch.size() - shorter.size() + i];
    if (extent == 1) extent = shorter[i];
  }
  std::vector<T> y;
  Odometer at(batch, {broadcast_strides(a_batch, batch), broadcast_strides(b_batch, batch)});
  if (at.empty() || rows == 0 || columns == 0) return y;
  do {
    const T* p = a.data() + at.offset(0) * rows * depth;
    const T* q = b.data() + at.offset(1) * depth * columns;
    const size_t base = y.size();
    y.resize(base + size_t(rows * columns));
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t j = 0; j < columns; ++j)
          y[base + size_t(i * columns + j)] += p[i * depth + k] * q[k * columns + j];
  } while (at.next());
  return y;
}

}  // namespace hone
