// Transposed convolutions with their extents and paddings made out.
#pragma once

#include "ops/window.h"

namespace hone {

struct TransposedConvolution {
  Shape out;
  Windows windows;  // `in` and `out` are those of the transposed convolution
  int64_t group = 1;
};
Result<TransposedConvolution> make_transposed_convolution(const Infer& c);

}  // namespace hone
