// Windows with the vectors of the including file's instruction set.
#pragma once

#include "kernels/windows/depthwise_impl.h"
#include "kernels/windows/pool_impl.h"

namespace hone::kernels {
namespace {

constexpr WindowKernels kWindows{depthwise, maximum, mean};

}  // namespace
}  // namespace hone::kernels
