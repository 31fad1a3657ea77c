// Products of bytes with packed matrices.
#include "backends/cpu/cpu.h"
#include "backends/cpu/integer_products.h"
#include "ops/quantization.h"
#include "ops/quantized_products.h"

namespace hone::cpu {
namespace {

Status run(Call& c, ThreadPool& pool) {
  const Tensor &x = c.in(0), &panels = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return store_range(c, y, 1);
  const int64_t n = y.shape().back(), m = y.count() / n, depth = x.shape().back();
  const auto turned = turned_bytes(c, pool);
  const uint8_t* rows = turned.bytes;
  const IntegerRescaling rescaling(c, y, n, depth);
  const auto row_sums = c.scratch<int32_t>(rescaling.needs_row_sums() ? m : 0);
  if (rescaling.needs_row_sums()) {
    pool.parallel_for(m, 1 + kGrain / std::max<int64_t>(1, depth), [&](int64_t begin, int64_t end) {
      kernels::integer_gemm_kernel().row_sums(rows + begin * depth, depth, end - begin, depth,
                                              row_sums.data() + begin);
    });
  }
  kernels::IntegerProduct p;
  p.a = rows;
  p.a_step = p.depth = depth;
  p.b = panels.as<int8_t>().data();
  p.m = m;
  p.n = n;
  p.epilogue = rescaling.of_columns(0);
  if (rescaling.needs_row_sums()) p.epilogue.row_terms = row_sums.data();
  kernels::NumberRange range;
  multiply_all(p, pool, c.outputs() > 1 ? &range : nullptr);
  if (c.outputs() < 2) return ok();
  const std::span<float> known = (*TRY(c.out(1))).as<float>();
  known[0] = range.least, known[1] = range.most;
  return ok();
}

Support accepts(const Graph&, const Node&) { return yes(); }

}  // namespace

const CpuKernel quantized_linear_kernel{"quantized_linear", accepts, run,
                                        CpuKernel::InPlace::residual};

}  // namespace hone::cpu
