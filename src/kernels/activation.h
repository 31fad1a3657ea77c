// What a kernel does to a result before it is stored.
#pragma once

#include <cstdint>

namespace hone::kernels {

enum class Activation : uint8_t { none, relu, clip, sigmoid, tanh, silu, gelu, gelu_tanh };

// y = activation(x + bias + added): applied to rows of a result while they are in the cache.
struct Epilogue {
  const float* bias = nullptr;   // one for each column; null for none
  const float* added = nullptr;  // one for each element, `added_row` apart; null for none
  int64_t added_row = 0;
  Activation activation = Activation::none;
  float low = 0, high = 0;  // of clip
  bool empty() const { return !bias && !added && activation == Activation::none; }
  // Is the activation one that limits values, if any? These cost so little that they are computed
  // in registers.
  bool clamps() const { return activation <= Activation::clip; }
};

}  // namespace hone::kernels
