// Less common element-wise functions, powers and comparisons of rows of floats, for each
// instruction set.
#pragma once

#include <cstdint>

namespace hone::kernels {

// With their parameters a and b.
enum class Function : uint8_t {
  ceiling,
  celu,  // a: alpha
  elu,   // a: alpha
  floor,
  hard_sigmoid,  // a x + b kept within [0, 1]
  hard_swish,
  leaky_relu,  // a: alpha
  logarithm,
  mish,
  reciprocal,
  round,   // halves to the even number
  selu,    // a: alpha, b: gamma
  shrink,  // a: bias, b: lambda
  sign,
  softplus,
  softsign,
  square,
  swish,             // a: alpha
  thresholded_relu,  // a: alpha
};
enum class Pairwise : uint8_t { maximum, minimum, power, prelu };
enum class Relation : uint8_t { equal, greater, greater_or_equal, less, less_or_equal };

// n is the length of a row; y may be one of the inputs. A step of 0 repeats one element, a step of
// 1 walks the row.
struct FunctionKernels {
  void (*map)(Function f, float a, float b, const float* x, float* y, int64_t n);
  // Of maximum and minimum NaN wins.
  void (*pairwise)(Pairwise f, const float* a, int64_t a_step, const float* b, int64_t b_step,
                   float* y, int64_t n);
  // y is 1 where the relation holds, else 0.
  void (*compare)(Relation r, const float* a, int64_t a_step, const float* b, int64_t b_step,
                  uint8_t* y, int64_t n);
  // a where the condition is not 0, else b.
  void (*choose)(const uint8_t* condition, int64_t condition_step, const float* a, int64_t a_step,
                 const float* b, int64_t b_step, float* y, int64_t n);
};

extern const FunctionKernels kFunctionsPortable;
#if defined(__x86_64__)
extern const FunctionKernels kFunctionsAvx2;
extern const FunctionKernels kFunctionsAvx512;
#endif

// The best ones for the CPU that runs this.
const FunctionKernels& function_kernels();

}  // namespace hone::kernels
