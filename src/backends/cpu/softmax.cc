// Softmax and its logarithm along any axis.
#include <algorithm>
#include <cmath>

#include "backends/cpu/cpu.h"
#include "kernels/reductions/reductions.h"
#include "kernels/rows/rows.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

using kernels::Binary;
using kernels::Reduction;

void log_row(const float* x, float* y, int64_t n) {
  const kernels::ReductionKernels& reductions = kernels::reduction_kernels();
  const float top = reductions.row(Reduction::maximum, x, n);
  double sum = 0;
  for (int64_t i = 0; i < n; i += kernels::kLongestSum)
    sum += double(reductions.exponential_row(x + i, std::min(kernels::kLongestSum, n - i), top));
  // One after the other: the largest may be large, and the logarithm small.
  const auto log = float(std::log(sum));
  kernels::row_kernels().binary(Binary::sub, x, 1, &top, 0, y, n);
  kernels::row_kernels().binary(Binary::sub, y, 1, &log, 0, y, n);
}

constexpr int64_t kColumns = 256;

// `count` columns of n elements that lie `step` apart.
template <bool logarithm>
void columns(const float* x, int64_t n, int64_t step, int64_t count, float* y) {
  const kernels::ReductionKernels& reductions = kernels::reduction_kernels();
  const auto binary = kernels::row_kernels().binary;
  float top[kColumns], sum[kColumns] = {};
  double total[kColumns] = {};
  std::fill_n(top, count, -INFINITY);
  reductions.rows(Reduction::maximum, x, step, n, count, top);
  for (int64_t k = 0; k < n; ++k) {
    float* row = y + k * step;
    binary(Binary::sub, x + k * step, 1, top, 1, row, count);
    if (!logarithm) kernels::row_kernels().unary(kernels::Unary::exp, row, row, count);
  }
  constexpr int64_t kRows = 512;
  const float zero[kColumns] = {};
  for (int64_t k = 0; k < n; k += kRows) {
    std::fill_n(sum, count, 0.0f);
    const int64_t rows = std::min(kRows, n - k);
    if (logarithm)
      reductions.exponential_rows(y + k * step, step, rows, count, zero, sum);
    else
      reductions.rows(Reduction::sum, y + k * step, step, rows, count, sum);
    for (int64_t j = 0; j < count; ++j) total[j] += double(sum[j]);
  }
  for (int64_t j = 0; j < count; ++j) sum[j] = float(logarithm ? std::log(total[j]) : total[j]);
  for (int64_t k = 0; k < n; ++k)
    binary(logarithm ? Binary::sub : Binary::div, y + k * step, 1, sum, 1, y + k * step, count);
}

template <bool logarithm>
Status run(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const AxisSplit split =
      split_at(x.shape(), TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  const int64_t n = split.axis, step = split.inner;
  const float* px = x.as<float>().data();
  float* py = y.as<float>().data();
  if (step == 1) {
    const auto row = [softmax = kernels::row_kernels().softmax](const float* x, float* y,
                                                                int64_t n) {
      logarithm ? log_row(x, y, n) : softmax(x, 1, y, n);
    };
    pool.parallel_for(split.outer, std::max<int64_t>(1, kGrain / 8 / n),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t r = begin; r < end; ++r) row(px + r * n, py + r * n, n);
                      });
    return ok();
  }
  const int64_t blocks = (step + kColumns - 1) / kColumns;
  pool.parallel_for(
      split.outer * blocks, std::max<int64_t>(1, kGrain / 8 / (n * std::min(kColumns, step))),
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t first = i % blocks * kColumns;
          const int64_t at = i / blocks * n * step + first;
          columns<logarithm>(px + at, n, step, std::min(kColumns, step - first), py + at);
        }
      });
  return ok();
}

}  // namespace

const CpuKernel log_softmax_kernel{"log_softmax", f32_only, run<true>, CpuKernel::InPlace::first};
const CpuKernel softmax_kernel{"softmax", f32_only, run<false>, CpuKernel::InPlace::first};

}  // namespace hone::cpu
