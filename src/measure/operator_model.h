// Models of a single operator, for measuring it.
#pragma once

#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "ir/model.h"

namespace hone::measure {

// The operator on f32 tensors of these sizes: weights are constants with made-up numbers, as in a
// model. `op` is gemm, quantized_gemm, block4_gemm, block8_gemm, conv, depthwise, attention,
// softmax, layer_normalization or rms_normalization; a stream of memory: copy, scale or triad; and
// every element-wise operator of the catalogue with one or two inputs that are all needed takes a
// shape. Fails with `usage`.
Result<Model> operator_model(std::string_view op, std::string_view dims, const Limits& limits);

// Can the operator be measured with these sizes? Fails with `usage`, as above, and makes nothing.
Status check_operator(std::string_view op, std::string_view dims);

// Is the operator one whose products are of bytes?
bool multiplies_bytes(std::string_view op);

}  // namespace hone::measure
