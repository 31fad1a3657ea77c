// Loops that do nothing but keep one unit of the machine busy: what a kernel can reach at best.
#pragma once

#include <cstdint>

namespace hone::kernels {

struct PeakKernels {
  // Multiply-adds of floats in registers; returns a number that depends on all of them.
  float (*f32)(int64_t iterations);
  int64_t f32_flops;  // of one iteration; a multiply-add is two
  // Products of bytes, summed in integers of 32 bits, as the instruction set does it fastest.
  int32_t (*int8)(int64_t iterations);
  int64_t int8_ops;  // of one iteration; a product and its sum are two
  // Reads n floats, in order.
  float (*read)(const float* x, int64_t n);
};

extern const PeakKernels kPeaksPortable;
#if defined(__x86_64__)
extern const PeakKernels kPeaksAvx2, kPeaksAvx512, kPeaksAvx512Vnni, kPeaksAmx;
#endif

// The best ones for the CPU that runs this.
const PeakKernels& peak_kernels();

}  // namespace hone::kernels
