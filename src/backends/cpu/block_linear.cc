// Quantization of rows in blocks, and their products with block-quantized weights.
#include "ops/block_linear.h"

#include <algorithm>

#include "backends/cpu/cpu.h"
#include "backends/cpu/epilogue.h"
#include "kernels/block_gemm/block_gemm.h"
#include "kernels/quantization/quantization.h"

namespace hone::cpu {
namespace {

Status run_quantize(Call& c, ThreadPool& pool) {
  const float* x = c.in(0).as<float>().data();
  Tensor& out = *TRY(c.out(0));
  const int64_t block = c.integer("block"), row = out.shape().back();
  if (out.count() == 0) return c.outputs() > 1 ? TRY(c.out(1)), ok() : ok();
  const int64_t rows = out.count() / row, blocks = (row + block - 1) / block;
  const auto unseen = c.scratch<float>(c.outputs() > 1 ? 0 : rows * blocks);
  float* scales = c.outputs() > 1 ? (*TRY(c.out(1))).as<float>().data() : unseen.data();
  int8_t* y = out.as<int8_t>().data();
  pool.parallel_for(rows, 1 + kGrain / row, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      kernels::quantization_kernels().quantize_blocks(x + i * row, row, block, y + i * row,
                                                      scales + i * blocks);
  });
  return ok();
}

kernels::BlockWeights weights_of(const Call& c) {
  using namespace block_linear;
  kernels::BlockWeights w;
  const Tensor &codes = c.in(kCodes), &scales = c.in(kScale);
  w.codes = reinterpret_cast<const uint8_t*>(codes.data());
  w.nibbles = c.integer("bits") == 4;
  w.half = scales.dtype() == DType::f16;
  w.scales = scales.data();
  w.minima = c.has(kMinimum) ? c.in(kMinimum).data() : nullptr;
  w.zero = int32_t(c.integer("zero"));
  w.columns = c.integer("columns");
  w.blocks = scales.shape()[1];
  w.block_units = c.integer("block") / kUnit;
  return w;
}

// The rows in tiles, in scratch memory.
class Prepared {
 public:
  Prepared(const Call& c, const kernels::BlockGemmKernel& kernel, const kernels::BlockWeights& w,
           int64_t m)
      : height_(kernels::tile_height(kernel, m)),
        tiles_((m + height_ - 1) / height_),
        codes_(c.scratch<int8_t>(tiles_ * height_ * w.units() * kernels::kBlockUnit)),
        scales_(c.scratch<float>(tiles_ * height_ * w.blocks)),
        begins_(c.scratch<int32_t>(w.zero == 0 || kernel.centres ? 0 : scales_.size())),
        lifts_(c.scratch<float>(w.minima ? scales_.size() : 0)) {
    rows_ = {height_,
             tiles_,
             codes_.data(),
             scales_.data(),
             begins_.size() > 0 ? begins_.data() : nullptr,
             lifts_.size() > 0 ? lifts_.data() : nullptr};
  }
  const kernels::BlockRows& rows() const { return rows_; }

 private:
  int64_t height_, tiles_;
  Scratch<int8_t> codes_;
  Scratch<float> scales_;
  Scratch<int32_t> begins_;
  Scratch<float> lifts_;
  kernels::BlockRows rows_;
};

Status run_product(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const int64_t n = y.shape().back(), m = y.count() / n, depth = c.in(0).shape().back();
  const kernels::BlockGemmKernel& kernel = kernels::block_gemm_kernel(m);
  kernels::BlockProduct p;
  p.weights = weights_of(c);
  p.m = m;
  p.y = y.as<float>().data();
  p.epilogue = epilogue_of(c, n);
  const Prepared prepared(c, kernel, p.weights, m);
  p.rows = prepared.rows();
  const kernels::QuantizedRows rows{c.in(0).as<int8_t>().data(),
                                    c.in(block_linear::kRowScale).as<float>().data(), m, depth};
  const int64_t tile_bytes = 1 + p.rows.height * depth;
  pool.parallel_for(p.rows.tiles, 1 + 4 * kGrain / tile_bytes, [&](int64_t begin, int64_t end) {
    kernel.prepare(rows, p.weights, p.rows, begin, end);
  });
  // Products, so few that starting another thread takes longer.
  constexpr int64_t kWorthwhile = int64_t{1} << 18;
  // More pieces than threads: one that is held up keeps the others waiting for a piece at most.
  const int64_t panels = p.weights.panels(), work = 1 + m * depth * kernels::kBlockPanel;
  const int64_t least = (kWorthwhile + work - 1) / work, pieces = int64_t{4} * pool.size();
  const int64_t even = (panels + pieces - 1) / pieces;
  const int64_t grain = pool.size() == 1 ? panels : std::max(least, even);
  const int64_t whole = (grain + kernel.panels - 1) / kernel.panels * kernel.panels;
  pool.parallel_for(panels, whole,
                    [&](int64_t begin, int64_t end) { kernels::multiply(kernel, p, begin, end); });
  return ok();
}

Support accepts(const Graph&, const Node&) { return yes(); }

}  // namespace

const CpuKernel quantize_blocks_kernel{"quantize_blocks", accepts, run_quantize};
const CpuKernel block_linear_kernel{"block_linear", accepts, run_product,
                                    CpuKernel::InPlace::residual};

}  // namespace hone::cpu
