// Normalization by neighbouring channels.
#include "kernels/lrn/lrn.h"

#include <algorithm>

#include "backends/cpu/cpu.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

Status run(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const auto [outer, channels, inner] =
      split_at(x.shape(), TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  const int64_t size = c.integer("size");
  kernels::Neighbours w;
  w.before = std::min((size - 1) / 2, channels);
  w.after = std::min(size - 1 - (size - 1) / 2, channels);
  w.alpha = float(c.real("alpha") / double(size));
  w.beta = float(c.real("beta"));
  w.bias = float(c.real("bias"));
  const float* px = x.as<float>().data();
  float* py = y.as<float>().data();
  const int64_t n = channels, step = inner;
  const kernels::LrnKernels& kernel = kernels::lrn_kernels();
  if (step == 1) {
    pool.parallel_for(outer, std::max<int64_t>(1, kGrain / 4 / n), [&](int64_t begin, int64_t end) {
      std::vector<float> squares(size_t(n + w.before + w.after + 16));
      for (int64_t i = begin; i < end; ++i)
        kernel.row(w, px + i * n, n, squares.data(), py + i * n);
    });
    return ok();
  }
  // Blocks of columns, so that the channels of a window are in the cache.
  constexpr int64_t kColumns = 64;
  const int64_t blocks = (step + kColumns - 1) / kColumns;
  pool.parallel_for(outer * blocks, std::max<int64_t>(1, kGrain / 4 / n / kColumns),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t first = i % blocks * kColumns, at = i / blocks * n * step;
                        kernel.planes(w, px + at, n, step, first, std::min(first + kColumns, step),
                                      py + at);
                      }
                    });
  return ok();
}

}  // namespace

const CpuKernel lrn_kernel{"lrn", f32_only, run};

}  // namespace hone::cpu
