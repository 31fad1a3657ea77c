// Epilogues with the vectors of the including file's instruction set.
#pragma once

#include "kernels/activation.h"
#include "kernels/vector_math.h"

namespace hone::kernels {
namespace {

inline Vector silu(Vector x) { return x * sigmoid(x); }
inline Vector gelu(Vector x) {
  const Vector half = x * Vector::all(0.5f);
  return fma(half, error_function(x * Vector::all(0.707106781f)), half);
}
inline Vector gelu_tanh(Vector x) {
  const Vector inner =
      x * fma(x * x, Vector::all(0.044715f * 0.797884561f), Vector::all(0.797884561f));
  const Vector half = x * Vector::all(0.5f);
  return fma(half, hyperbolic_tangent(inner), half);
}

template <Activation kActivation>
inline Vector activated(Vector x, Vector low, Vector high) {
  if constexpr (kActivation == Activation::relu) return max(Vector::zero(), x);
  if constexpr (kActivation == Activation::clip) return min(high, max(low, x));
  if constexpr (kActivation == Activation::sigmoid) return sigmoid(x);
  if constexpr (kActivation == Activation::tanh) return hyperbolic_tangent(x);
  if constexpr (kActivation == Activation::silu) return silu(x);
  if constexpr (kActivation == Activation::gelu) return gelu(x);
  if constexpr (kActivation == Activation::gelu_tanh) return gelu_tanh(x);
  return x;
}

template <Activation kActivation>
void finish(const Epilogue& e, float* row, int64_t columns, int64_t column, const float* added) {
  constexpr int64_t kW = Vector::kWidth;
  const Vector low = Vector::all(e.low), high = Vector::all(e.high);
  int64_t j = 0;
  for (; j + kW <= columns; j += kW) {
    Vector x = Vector::load(row + j);
    if (e.bias) x = x + Vector::load(e.bias + column + j);
    if (added) x = x + Vector::load(added + j);
    activated<kActivation>(x, low, high).store(row + j);
  }
  if (j == columns) return;
  float rest[kW] = {};
  for (int64_t i = j; i < columns; ++i) {
    float x = row[i];
    if (e.bias) x += e.bias[column + i];
    if (added) x += added[i];
    rest[i - j] = x;
  }
  activated<kActivation>(Vector::load(rest), low, high).store(rest);
  for (int64_t i = j; i < columns; ++i) row[i] = rest[i - j];
}

// Columns [column, column + columns) of `rows` rows of a result, from c on; `added` is where the
// first of them has what is added.
inline void finish_rows(const Epilogue& e, float* c, int64_t c_row, int64_t rows, int64_t columns,
                        int64_t column, const float* added) {
  for (int64_t i = 0; i < rows; ++i, c += c_row, added = added ? added + e.added_row : nullptr) {
    switch (e.activation) {
      case Activation::none: finish<Activation::none>(e, c, columns, column, added); break;
      case Activation::relu: finish<Activation::relu>(e, c, columns, column, added); break;
      case Activation::clip: finish<Activation::clip>(e, c, columns, column, added); break;
      case Activation::sigmoid: finish<Activation::sigmoid>(e, c, columns, column, added); break;
      case Activation::tanh: finish<Activation::tanh>(e, c, columns, column, added); break;
      case Activation::silu: finish<Activation::silu>(e, c, columns, column, added); break;
      case Activation::gelu: finish<Activation::gelu>(e, c, columns, column, added); break;
      case Activation::gelu_tanh:
        finish<Activation::gelu_tanh>(e, c, columns, column, added);
        break;
    }
  }
}

}  // namespace
}  // namespace hone::kernels
