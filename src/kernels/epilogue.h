// Epilogues with the vectors of the including file's instruction set.
#pragma once

#include "kernels/activation.h"
#include "kernels/vector_math.h"

namespace hone::kernels {
namespace {

inline Vector silu(Vector x) { return x * sigmoid(x); }
inline Vector gelu(Vector x) { return x * normal_distribution(x); }
inline Vector gelu_tanh(Vector x) {
  // x (1 + tanh(u)) / 2 = x / (1 + e^-2u). At the highest the power is infinite.
  constexpr float kTwice = -2 * 0.797884561f;
  const Vector lowest = Vector::all(-87.0f), highest = Vector::all(89.0f);
  const Vector t = x * fma(x * x, Vector::all(0.044715f * kTwice), Vector::all(kTwice));
  const Exponential e = split_exponential(max(lowest, min(highest, t)));
  return x / fma(e.y, power_of_two(e.n), Vector::all(1.0f));
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

// run.operator()<activation>().
template <class Run>
inline void with_activation(Activation activation, const Run& run) {
  switch (activation) {
    case Activation::none: return run.template operator()<Activation::none>();
    case Activation::relu: return run.template operator()<Activation::relu>();
    case Activation::clip: return run.template operator()<Activation::clip>();
    case Activation::sigmoid: return run.template operator()<Activation::sigmoid>();
    case Activation::tanh: return run.template operator()<Activation::tanh>();
    case Activation::silu: return run.template operator()<Activation::silu>();
    case Activation::gelu: return run.template operator()<Activation::gelu>();
    case Activation::gelu_tanh: return run.template operator()<Activation::gelu_tanh>();
  }
}

// Bias, summand, activation of a vector of row elements.
template <Activation kActivation>
inline Vector finished(const Epilogue& e, Vector x, const float* bias, const float* added) {
  if (bias) x = x + Vector::load(bias);
  if (added) x = x + Vector::load(added);
  return activated<kActivation>(x, Vector::all(e.low), Vector::all(e.high));
}

template <Activation kActivation>
void finish(const Epilogue& e, float* c, int64_t c_row, int64_t rows, int64_t columns,
            const float* bias, const float* added) {
  constexpr int64_t kW = Vector::kWidth;
  const auto at = [](const float* p, int64_t j) { return p ? p + j : nullptr; };
  for (int64_t i = 0; i < rows; ++i, c += c_row, added = at(added, e.added_row)) {
    int64_t j = 0;
    for (; j + kW <= columns; j += kW)
      finished<kActivation>(e, Vector::load(c + j), at(bias, j), at(added, j)).store(c + j);
    if (j == columns) continue;
    float rest[3][kW] = {};
    for (int64_t k = j; k < columns; ++k) {
      rest[0][k - j] = c[k];
      if (bias) rest[1][k - j] = bias[k];
      if (added) rest[2][k - j] = added[k];
    }
    finished<kActivation>(e, Vector::load(rest[0]), bias ? rest[1] : nullptr,
                          added ? rest[2] : nullptr)
        .store(rest[0]);
    for (int64_t k = j; k < columns; ++k) c[k] = rest[0][k - j];
  }
}

// Columns [column, column + columns) of `rows` rows of a result, from c on; `added` is where the
// first of them has what is added.
inline void finish_rows(const Epilogue& e, float* c, int64_t c_row, int64_t rows, int64_t columns,
                        int64_t column, const float* added) {
  const float* bias = e.bias ? e.bias + column : nullptr;
  const auto run = [&]<Activation kActivation>() {
    finish<kActivation>(e, c, c_row, rows, columns, bias, added);
  };
  with_activation(e.activation, run);
}

}  // namespace
}  // namespace hone::kernels
