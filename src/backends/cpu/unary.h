// Element-wise kernels of one input.
#pragma once

#include "backends/cpu/cpu.h"

namespace hone::cpu {

// Calls f(x, y, n) for pieces of the first input and the output, side by side.
template <class F>
Status map_pieces(Call& c, ThreadPool& pool, F f) {
  const float* x = c.in(0).as<float>().data();
  Tensor& out = *TRY(c.out(0));
  float* y = out.as<float>().data();
  pool.parallel_for(out.count(), kGrain,
                    [&](int64_t begin, int64_t end) { f(x + begin, y + begin, end - begin); });
  return ok();
}

}  // namespace hone::cpu
