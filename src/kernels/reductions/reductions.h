// Sums and extrema of rows of floats, for each instruction set.
#pragma once

#include <cstdint>

namespace hone::kernels {

enum class Reduction : uint8_t { sum, absolute_sum, square_sum, maximum, minimum };

// Sums are of floats: of so many elements that their rounding does not matter.
inline constexpr int64_t kLongestSum = 4096;

struct ReductionKernels {
  // Of n > 0 elements. Of extrema NaN wins.
  float (*row)(Reduction r, const float* x, int64_t n);
  // acc[j] becomes that of itself (sums: plus) and x[i * step + j] for all rows i.
  void (*rows)(Reduction r, const float* x, int64_t step, int64_t rows, int64_t n, float* acc);
  // The sums of exp(x - shift): of a row; of columns, each with a shift, added to acc.
  float (*exponential_row)(const float* x, int64_t n, float shift);
  void (*exponential_rows)(const float* x, int64_t step, int64_t rows, int64_t n,
                           const float* shift, float* acc);
  // The sum of (x - mean)^2.
  float (*deviation)(const float* x, int64_t n, float mean);
};

extern const ReductionKernels kReductionsPortable;
#if defined(__x86_64__)
extern const ReductionKernels kReductionsAvx2;
extern const ReductionKernels kReductionsAvx512;
#endif

// The best ones for the CPU that runs this.
const ReductionKernels& reduction_kernels();

}  // namespace hone::kernels
