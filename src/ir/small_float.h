// The floats narrower than 32 bits, from and to double: f16, bf16, the five of 8 bits, f4e2m1.
#pragma once

#include <cstdint>

#include "ir/dtype.h"

namespace hone {

// Exact.
double decode_small_float(DType dtype, uint32_t bits);
// To the nearest, ties to even, rounded once; f8e8m0 rounds up. f16 and bf16 are not asked to
// saturate. Types without infinity give NaN for what is too large when not `saturate`.
uint32_t encode_small_float(DType dtype, double value, bool saturate);

}  // namespace hone
