// Matrix products on all threads.
#pragma once

#include <span>

#include "base/thread_pool.h"
#include "kernels/gemm/gemm.h"

namespace hone::cpu {

// Products of equal shapes whose results do not overlap.
void multiply_all(std::span<const kernels::Product> products, ThreadPool& pool);

}  // namespace hone::cpu
