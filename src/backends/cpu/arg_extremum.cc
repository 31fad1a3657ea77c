// Positions of the largest and smallest elements along an axis.
#include <algorithm>
#include <cmath>

#include "backends/cpu/cpu.h"
#include "kernels/reductions/reductions.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

using kernels::Reduction;

// Is a at least as far as the best so far? NaN is beyond everything.
template <bool largest>
bool beyond(float a, float best) {
  if (std::isnan(best)) return false;
  return std::isnan(a) || (largest ? a > best : a < best);
}

bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

template <bool largest>
int64_t in_row(const float* x, int64_t n, bool last) {
  const Reduction r = largest ? Reduction::maximum : Reduction::minimum;
  const float best = kernels::reduction_kernels().row(r, x, n);
  int64_t k = last ? n - 1 : 0;
  while (k > 0 && last && !same(x[k], best)) --k;
  while (k < n - 1 && !last && !same(x[k], best)) ++k;
  return k;
}

// Of columns [0, count) of n rows.
template <bool largest>
void in_columns(const float* x, int64_t n, int64_t step, int64_t count, bool last, int64_t* y) {
  constexpr int64_t kColumns = 64;
  float best[kColumns];
  for (int64_t j = 0; j < count; ++j) {
    best[j] = x[j];
    y[j] = 0;
  }
  for (int64_t k = 1; k < n; ++k)
    for (int64_t j = 0; j < count; ++j) {
      const float v = x[k * step + j];
      if (!beyond<largest>(v, best[j]) && !(last && same(v, best[j]))) continue;
      best[j] = v;
      y[j] = k;
    }
}

template <bool largest>
Status run(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const bool last = c.integer("select_last_index") != 0;
  const AxisSplit split =
      split_at(x.shape(), TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  const float* px = x.as<float>().data();
  int64_t* py = y.as<int64_t>().data();
  constexpr int64_t kColumns = 64;
  const int64_t blocks = (split.inner + kColumns - 1) / kColumns;
  const int64_t cost = split.axis * std::min(split.inner, kColumns);
  pool.parallel_for(split.outer * blocks, std::max<int64_t>(1, kGrain / cost),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t o = i / blocks, first = i % blocks * kColumns;
                        const float* from = px + o * split.axis * split.inner + first;
                        int64_t* to = py + o * split.inner + first;
                        if (split.inner == 1)
                          *to = in_row<largest>(from, split.axis, last);
                        else
                          in_columns<largest>(from, split.axis, split.inner,
                                              std::min(kColumns, split.inner - first), last, to);
                      }
                    });
  return ok();
}

Support accepts(const Graph& graph, const Node& node) {
  if (graph[node.inputs[0]].type.tensor.dtype != DType::f32) return no("only f32");
  return yes();
}

}  // namespace

const CpuKernel arg_max_kernel{"arg_max", accepts, run<true>};
const CpuKernel arg_min_kernel{"arg_min", accepts, run<false>};

}  // namespace hone::cpu
