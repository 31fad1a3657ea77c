// The gated unit swish(a) b.
#include <algorithm>

#include "backends/cpu/cpu.h"
#include "kernels/rows/rows.h"

namespace hone::cpu {
namespace {

constexpr int64_t kPart = 2048;  // elements that stay in the first-level cache between steps

Status run(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  const float *a = c.in(0).as<float>().data(), *b = c.in(1).as<float>().data();
  float* to = y.as<float>().data();
  pool.parallel_for(y.count(), kGrain, [&](int64_t begin, int64_t end) {
    const kernels::RowKernels& rows = kernels::row_kernels();
    float part[kPart];
    for (int64_t i = begin; i < end; i += kPart) {
      const int64_t n = std::min(kPart, end - i);
      rows.unary(kernels::Unary::silu, a + i, part, n);
      rows.binary(kernels::Binary::mul, part, 1, b + i, 1, to + i, n);
    }
  });
  return ok();
}

Support accepts(const Graph& graph, const Node& node) {
  if (Infer(*node.op, node.attrs, {}, 1).real("alpha") != 1) return no("only with an alpha of 1");
  return f32_only(graph, node);
}

}  // namespace

const CpuKernel swiglu_kernel{"swiglu", accepts, run, CpuKernel::InPlace::any};

}  // namespace hone::cpu
