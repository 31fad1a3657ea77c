// Convolutions of bytes whose channels are the last axis.
#include <algorithm>

#include "backends/cpu/byte_windows.h"
#include "backends/cpu/cpu.h"
#include "backends/cpu/integer_products.h"
#include "ops/quantized_products.h"

namespace hone::cpu {
namespace {

using namespace quantized;

// The sums of what the windows cover, for the zero points of weights.
void sum_rows(const kernels::IntegerProduct& p, int64_t channels, int32_t* sums, ThreadPool& pool) {
  constexpr int64_t kRows = 64;
  pool.parallel_for(p.m, kRows, [&](int64_t begin, int64_t end) {
    const auto& kernel = kernels::integer_gemm_kernel();
    if (!p.source)
      return kernel.row_sums(p.a + begin * channels, channels, end - begin, p.depth, sums + begin);
    std::vector<uint8_t> rows(size_t((end - begin) * p.depth));
    p.source->gather(begin, end - begin, rows.data(), p.depth);
    kernel.row_sums(rows.data(), p.depth, end - begin, p.depth, sums + begin);
  });
}

Status run_conv(Call& c, ThreadPool& pool) {
  const Tensor& panels = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Geometry g = TRY(geometry_of(c, false));
  const auto turned = turned_bytes(c, pool);
  const int64_t groups = c.integer("group"), filters = y.shape().back();
  const int64_t depth = g.channels / groups, columns = filters / groups;
  const IntegerRescaling rescaling(c, y, filters, g.positions() * depth);
  const uint8_t outside = rescaling.x_zero();
  const int64_t m = y.count() / filters, panel_bytes = panels.count() / groups;
  const auto row_sums = c.scratch<int32_t>(rescaling.needs_row_sums() ? m : 0);
  for (int64_t group = 0; group < groups; ++group) {
    const uint8_t* first = turned.bytes + group * depth;
    const ByteWindows windows(g, first, depth, outside);
    kernels::IntegerProduct p;
    p.a = first;
    p.a_step = g.channels;
    if (!g.covers_pixels()) p.source = &windows;
    p.depth = g.positions() * depth;
    p.b = panels.as<int8_t>().data() + group * panel_bytes;
    p.m = m;
    p.n = columns;
    p.epilogue = rescaling.of_columns(group * columns);
    if (rescaling.needs_row_sums()) {
      sum_rows(p, g.channels, row_sums.data(), pool);
      p.epilogue.row_terms = row_sums.data();
    }
    multiply_all(p, pool);
  }
  return ok();
}

}  // namespace

const CpuKernel quantized_conv_kernel{"quantized_conv", accepts_spatial, run_conv,
                                      CpuKernel::InPlace::residual};

}  // namespace hone::cpu
