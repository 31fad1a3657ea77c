// Norms and gated units whose rows go on in bytes.
#include <cmath>

#include "backends/cpu/cpu.h"
#include "backends/cpu/sums.h"
#include "kernels/quantization/quantization.h"
#include "kernels/rows/rows.h"

namespace hone::cpu {
namespace {

// Rows of codes and scales.
struct Rows {
  int64_t row, block, count;
  int8_t* codes;
  float* scales;
  int64_t scales_row() const { return (row + block - 1) / block; }
  void quantize(const float* x, int64_t at) const {
    kernels::quantization_kernels().quantize_blocks(x, row, block, codes + at * row,
                                                    scales + at * scales_row());
  }
};

Result<Rows> rows_of(Call& c) {
  Tensor& codes = *TRY(c.out(0));
  Tensor& scales = *TRY(c.out(1));
  const int64_t row = codes.shape().back();
  return Rows{row, c.integer("block"), row == 0 ? 0 : codes.count() / row,
              codes.as<int8_t>().data(), scales.as<float>().data()};
}

// Calls fill(row, to) for each row, and quantizes what it wrote.
template <class Fill>
void each_row(const Call& c, const Rows& rows, ThreadPool& pool, Fill fill) {
  pool.parallel_for(rows.count, std::max<int64_t>(1, kGrain / 4 / std::max<int64_t>(1, rows.row)),
                    [&](int64_t begin, int64_t end) {
                      const auto made = c.scratch<float>(rows.row);
                      for (int64_t r = begin; r < end; ++r) {
                        fill(r, made.data());
                        rows.quantize(made.data(), r);
                      }
                    });
}

Status run_rms(Call& c, ThreadPool& pool) {
  const Rows rows = TRY(rows_of(c));
  const float *x = c.in(0).as<float>().data(), *scale = c.in(1).as<float>().data();
  const double epsilon = c.real("epsilon");
  const int64_t n = rows.row;
  each_row(c, rows, pool, [&](int64_t r, float* to) {
    const auto binary = kernels::row_kernels().binary;
    const double squares = sum_of(kernels::Reduction::square_sum, x + r * n, n);
    const auto factor = float(1 / std::sqrt(squares / double(n) + epsilon));
    binary(kernels::Binary::mul, x + r * n, 1, &factor, 0, to, n);
    binary(kernels::Binary::mul, to, 1, scale, 1, to, n);
  });
  return ok();
}

Status run_swiglu(Call& c, ThreadPool& pool) {
  const Rows rows = TRY(rows_of(c));
  const float *a = c.in(0).as<float>().data(), *b = c.in(1).as<float>().data();
  const int64_t n = rows.row;
  each_row(c, rows, pool, [&](int64_t r, float* to) {
    kernels::row_kernels().unary(kernels::Unary::silu, a + r * n, to, n);
    kernels::row_kernels().binary(kernels::Binary::mul, to, 1, b + r * n, 1, to, n);
  });
  return ok();
}

Support accepts(const Graph&, const Node&) { return yes(); }

}  // namespace

const CpuKernel quantized_rms_normalization_kernel{"quantized_rms_normalization", accepts, run_rms};
const CpuKernel quantized_swiglu_kernel{"quantized_swiglu", accepts, run_swiglu};

}  // namespace hone::cpu
