// Matrix products on all threads.
#pragma once

#include <span>

#include "base/thread_pool.h"
#include "ir/op.h"
#include "kernels/gemm/gemm.h"

namespace hone::cpu {

// Products of equal shapes whose results do not overlap. Scratch memory is the call's.
void multiply_all(std::span<kernels::Product> products, const Call& c, ThreadPool& pool);

}  // namespace hone::cpu
