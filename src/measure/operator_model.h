// Models of a single operator, for measuring it.
#pragma once

#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "ir/model.h"

namespace hone::measure {

// The operator on f32 tensors of these sizes: weights are constants with made-up numbers, as in a
// model. `op` is gemm, conv, depthwise, softmax or layer_normalization; and every element-wise
// operator of the catalogue with one or two inputs that are all needed takes a shape. Fails with
// `usage`.
Result<Model> operator_model(std::string_view op, std::string_view dims, const Limits& limits);

}  // namespace hone::measure
