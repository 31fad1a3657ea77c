// The epilogue of an operator of the lowered form.
#pragma once

#include "kernels/activation.h"
#include "ops/activation.h"

namespace hone::cpu {

// Bias and residual are the inputs 2 and 3; the result has rows of n.
kernels::Epilogue epilogue_of(const Call& c, int64_t n);
// Of an inner result: its bias is input `bias`.
kernels::Epilogue epilogue_of(const Call& c, size_t bias, const ActivationNames& names);

}  // namespace hone::cpu
