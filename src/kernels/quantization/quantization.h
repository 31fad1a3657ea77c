// Real numbers to bytes with scale and zero point, and back.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace hone::kernels {

struct ByteRange {
  int32_t least = 0, most = 255;  // -128 and 127 for signed bytes
};

// One tensor of bytes.
struct ScaledBytes {
  const uint8_t* bytes;
  bool is_signed;
  int32_t zero;
  float scale;
};
// How numbers become bytes.
struct ToBytes {
  float multiplier = 1;
  int32_t zero = 0;
  ByteRange range = {};
};

// Signed bytes with a scale of their own for a few neighbours: scale = the largest |x| / 127, y =
// round(x * (127 / the largest |x|)), half to even. Where nothing reaches kLeastOfBlock both are
// zero; where something is not finite the scale is NaN and the bytes are zero.
inline constexpr float kLeastOfBlock = 0x1p-100f;

// What the zero points of two matrices add to the sums of a row of their product (modulo 2^32):
// each + row * columns[j] + other_row * other_columns[j].
struct ZeroTerms {
  int32_t each = 0;
  int32_t row = 0, other_row = 0;
  const int32_t* columns = nullptr;
  const int32_t* other_columns = nullptr;
};

// The range of numbers, and 0.
struct NumberRange {
  float least = 0, most = 0;
  void extend(const NumberRange& other) {
    least = other.least < least ? other.least : least;
    most = other.most > most ? other.most : most;
  }
};

struct QuantizationKernels {
  // Extends [*least, *most] to hold n numbers; those that are none do not count.
  void (*extend)(const float* x, int64_t n, float* least, float* most);
  // y = saturate(round(x / scale) + zero), half to even; what is no number becomes the least.
  void (*quantize)(const float* x, int64_t n, float scale, int32_t zero, ByteRange range,
                   uint8_t* y);
  // y = (x - zero) * scale.
  void (*dequantize)(const uint8_t* x, int64_t n, bool is_signed, int32_t zero, float scale,
                     float* y);
  // y = saturate(round(activation(a + b) * multiplier) + zero) for n bytes of each.
  void (*add)(const ScaledBytes& a, const ScaledBytes& b, const Epilogue& activation,
              const ToBytes& to, int64_t n, uint8_t* y);
  // A row of n numbers in blocks, the last of which may be shorter.
  void (*quantize_blocks)(const float* x, int64_t n, int64_t block, int8_t* y, float* scales);
  // Adds the terms to n sums.
  void (*correct)(int32_t* sums, int64_t n, const ZeroTerms& terms);
  // y[j] = saturate(round(f32(sums[j]) * scales[j * step]) + zero), half to even; step is 0 or 1.
  void (*requantize)(const int32_t* sums, int64_t n, const float* scales, int64_t step,
                     int32_t zero, ByteRange range, uint8_t* y);
  // The largest of the bytes at each place of `count` rows, at least one.
  void (*maximum)(const uint8_t* const* rows, int64_t count, int64_t n, bool is_signed, uint8_t* y);
};

extern const QuantizationKernels kQuantizationPortable;
#if defined(__x86_64__)
extern const QuantizationKernels kQuantizationAvx2, kQuantizationAvx512;
#endif

// The best ones for the CPU that runs this.
const QuantizationKernels& quantization_kernels();

}  // namespace hone::kernels
