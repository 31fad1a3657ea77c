// The program of the operator `elementwise`: several element-wise functions in one pass.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "ops/common.h"

namespace hone {

// One word of a program in postfix notation, such as "x0 x1 mul x2 add 0.0 6.0 clip": inputs and
// numbers go onto a stack, functions take from it and put their result there.
struct ElementwiseStep {
  enum class Kind : uint8_t { input, number, unary, binary, clip, dup };
  Kind kind;
  size_t index = 0;         // of the input; of a function in its table
  float number = 0;         // of a number
  float low = 0, high = 0;  // of clip: the two numbers before it, which are no steps of their own
};
using ElementwiseProgram = std::vector<ElementwiseStep>;

struct ElementwiseUnary {
  std::string_view name;
  double (*f)(double);
};
struct ElementwiseBinary {
  std::string_view name;
  double (*f)(double, double);
};
// In alphabetical order.
std::span<const ElementwiseUnary> elementwise_unaries();
std::span<const ElementwiseBinary> elementwise_binaries();

inline constexpr size_t kElementwiseDepth = 8;   // of the stack
inline constexpr size_t kElementwiseSteps = 64;  // in a program
inline constexpr size_t kElementwiseInputs = 64;

// How many inputs are joined along the last axis to make x0: the attribute `joined`, or 1. Fails
// with `bad_attribute` where there are not as many.
Result<size_t> elementwise_joined(const Infer& c);

// The attribute `program`; fails with `bad_attribute` unless it uses every input and leaves one
// result.
Result<ElementwiseProgram> elementwise_program(const Infer& c);

}  // namespace hone
