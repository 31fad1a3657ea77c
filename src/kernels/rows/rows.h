// Element-wise functions, arithmetic and normalizations of rows of floats, for each instruction
// set.
#pragma once

#include <cstdint>

namespace hone::kernels {

enum class Unary : uint8_t { abs, erf, exp, gelu, gelu_tanh, neg, relu, sigmoid, silu, sqrt, tanh };
enum class Binary : uint8_t { add, sub, mul, div };

// n is the length of a row; inputs and outputs may be the same, but not overlap otherwise.
struct RowKernels {
  void (*unary)(Unary f, const float* x, float* y, int64_t n);
  // y = a f b; a step of 0 repeats one element, a step of 1 walks the row.
  void (*binary)(Binary f, const float* a, int64_t a_step, const float* b, int64_t b_step, float* y,
                 int64_t n);
  // min(high, max(low, x)); NaN stays.
  void (*clip)(const float* x, float low, float high, float* y, int64_t n);
  // Of factor * x: exp(x - max) / sum of these; NaN everywhere where one is NaN. factor > 0.
  void (*softmax)(const float* x, float factor, float* y, int64_t n);
  // (x - mean) / sqrt(variance + epsilon) * scale + bias; bias may be null. False, and nothing is
  // written, where the variance is no finite f32.
  bool (*layer_normalization)(const float* x, const float* scale, const float* bias, float epsilon,
                              float* y, int64_t n);
  // (x - mean) * factor + bias.
  void (*standardize)(const float* x, float mean, float factor, float bias, float* y, int64_t n);
  float (*sum)(const float* x, int64_t n);
  float (*dot)(const float* x, const float* y, int64_t n);
  // y += factor * x.
  void (*add_scaled)(const float* x, float factor, float* y, int64_t n);
};

extern const RowKernels kRowsPortable;
#if defined(__x86_64__)
extern const RowKernels kRowsAvx2;
extern const RowKernels kRowsAvx512;
#endif

// The best ones for the CPU that runs this.
const RowKernels& row_kernels();

}  // namespace hone::kernels
