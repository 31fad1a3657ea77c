// Rows of 16-bit floats from and to 32 bits, for each instruction set.
#pragma once

#include <cstdint>

namespace hone::kernels {

// Rounded to the nearest, ties to even; NaN stays NaN.
struct ConversionKernels {
  void (*f16_to_f32)(const uint16_t* x, float* y, int64_t n);
  void (*f32_to_f16)(const float* x, uint16_t* y, int64_t n);
  void (*bf16_to_f32)(const uint16_t* x, float* y, int64_t n);
  void (*f32_to_bf16)(const float* x, uint16_t* y, int64_t n);
};

extern const ConversionKernels kConversionsPortable;
#if defined(__x86_64__)
extern const ConversionKernels kConversionsAvx2;
extern const ConversionKernels kConversionsAvx512;
#endif

// The best ones for the CPU that runs this.
const ConversionKernels& conversion_kernels();

}  // namespace hone::kernels
