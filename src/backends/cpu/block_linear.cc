// Quantization of rows in blocks, and their products with block-quantized weights.
#include "ops/block_linear.h"

#include <algorithm>
#include <array>

#include "backends/cpu/cpu.h"
#include "backends/cpu/epilogue.h"
#include "kernels/block_gemm/block_gemm.h"
#include "kernels/quantization/quantization.h"
#include "ops/movement.h"

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

kernels::BlockScales scales_of(const Call& c, size_t input) {
  if (!c.has(input)) return {};
  return {c.in(input).data(), c.in(input).dtype() == DType::f16};
}

kernels::BlockLevels levels_of(const Call& c) {
  if (!c.has(block_linear::kFine)) return {};
  const Tensor& fine = c.in(block_linear::kFine);
  if (fine.dtype() == DType::i16) return {nullptr, fine.as<int16_t>().data()};
  return {fine.as<int8_t>().data(), nullptr};
}

// The weights of a product; `lookup` keeps what nibbles stand for.
kernels::BlockWeights weights_of(const Call& c, std::array<uint8_t, 16>& lookup) {
  using namespace block_linear;
  kernels::BlockWeights w;
  w.codes = reinterpret_cast<const uint8_t*>(c.in(kCodes).data());
  w.bits = int(c.integer("bits"));
  w.scales = scales_of(c, kScale);
  w.minima = scales_of(c, kMinimum);
  w.in_runs = c.integer("super") > 1;
  w.levels = levels_of(c);
  w.zero = int32_t(c.integer("zero"));
  w.columns = c.integer("columns");
  w.block_rows = c.integer("block");
  w.blocks = (c.in(0).shape().back() + w.block_rows - 1) / w.block_rows;
  if (c.given("table")) {
    // Dot products take unsigned codes.
    constexpr int32_t kMiddle = 128;
    const Integers& table = c.list("table");
    for (size_t i = 0; i < lookup.size(); ++i) lookup[i] = uint8_t(table[i] + kMiddle);
    w.lookup = lookup.data();
    w.zero = kMiddle;
  }
  return w;
}

// The rows in tiles, in scratch memory.
class Prepared {
 public:
  Prepared(const Call& c, const kernels::BlockRowSizes& sizes)
      : codes_(c.scratch<int8_t>(sizes.codes)),
        scales_(c.scratch<float>(sizes.scales)),
        begins_(c.scratch<int32_t>(sizes.begins)),
        lifts_(c.scratch<float>(sizes.lifts)) {
    const auto some = [](auto& s) { return s.size() > 0 ? s.data() : nullptr; };
    rows_ = {sizes.height, sizes.tiles, codes_.data(), scales_.data(), some(begins_), some(lifts_)};
  }
  const kernels::BlockRows& rows() const { return rows_; }

 private:
  Scratch<int8_t> codes_;
  Scratch<float> scales_;
  Scratch<int32_t> begins_;
  Scratch<float> lifts_;
  kernels::BlockRows rows_;
};

// Results side by side in the columns of the weights: one, or several parts.
struct Results {
  std::vector<float*> y;           // as if their first column were column 0
  std::vector<int64_t> ends, row;  // panels up to their ends; columns of each
};

Result<Results> results_of(Call& c) {
  const int64_t columns = c.integer("columns");
  const Integers parts = c.given("parts") ? c.list("parts") : Integers{columns};
  Results out;
  int64_t first = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    out.y.push_back(TRY(c.out(i))->as<float>().data() - first);
    first += parts[i];
    out.ends.push_back((first + kernels::kBlockPanel - 1) / kernels::kBlockPanel);
    out.row.push_back(parts[i]);
  }
  return out;
}

void multiply_parts(const kernels::BlockGemmKernel& kernel, const kernels::BlockProduct& product,
                    const Results& results, int64_t begin, int64_t end) {
  for (size_t i = 0; i < results.y.size() && begin < end; ++i) {
    if (results.ends[i] <= begin) continue;
    kernels::BlockProduct part = product;
    part.y = results.y[i];
    part.y_row = results.row[i];
    const int64_t stop = std::min(end, results.ends[i]);
    kernels::multiply(kernel, part, begin, stop);
    begin = stop;
  }
}

// Pieces that take longer than starting another thread does, as many for each thread; more than
// one, so that one that is held up keeps the others waiting for a piece at most.
int64_t panels_of_piece(int64_t panels, int64_t panel_products, int64_t threads) {
  constexpr int64_t kWorthwhile = int64_t{1} << 16, kOfThread = 4;
  const int64_t worthwhile = panels * (1 + panel_products) / kWorthwhile;
  if (threads == 1 || worthwhile < 2) return panels;
  const int64_t pieces = std::min(kOfThread * threads, worthwhile);
  const int64_t even = pieces < threads ? pieces : pieces / threads * threads;
  return (panels + even - 1) / even;
}

Status run_product(Call& c, ThreadPool& pool) {
  const Results results = TRY(results_of(c));
  const Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const int64_t depth = c.in(0).shape().back(), m = y.count() / y.shape().back();
  const kernels::BlockGemmKernel& kernel = kernels::block_gemm_kernel(m, c.integer("super") > 1);
  kernels::BlockProduct p;
  std::array<uint8_t, 16> lookup;
  p.weights = weights_of(c, lookup);
  p.m = m;
  p.epilogue = epilogue_of(c, p.weights.columns);
  const Prepared prepared(c, row_sizes(kernel, p.weights, m));
  p.rows = prepared.rows();
  const kernels::QuantizedRows rows{c.in(0).as<int8_t>().data(),
                                    c.in(block_linear::kRowScale).as<float>().data(), m, depth,
                                    block_linear::row_block(c)};
  const int64_t tile_bytes = 1 + p.rows.height * depth;
  pool.parallel_for(p.rows.tiles, 1 + 4 * kGrain / tile_bytes, [&](int64_t begin, int64_t end) {
    kernel.prepare(rows, p.weights, p.rows, begin, end);
  });
  const int64_t panels = p.weights.panels();
  const int64_t grain = panels_of_piece(panels, m * depth * kernels::kBlockPanel, pool.size());
  const int64_t whole = (grain + kernel.panels - 1) / kernel.panels * kernel.panels;
  pool.parallel_for(panels, whole, [&](int64_t begin, int64_t end) {
    multiply_parts(kernel, p, results, begin, end);
  });
  return ok();
}

Status run_gather(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  const int64_t depth = c.integer("depth"), columns = c.integer("columns");
  const Integers at = TRY(normal_indices(c, c.in(0), columns));
  const block_linear::Weights w(c, block_linear::kGatherInputs);
  pool.parallel_for(int64_t(at.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      w.column(at[size_t(i)], depth, y.as<float>().data() + i * depth);
  });
  return ok();
}

Support accepts(const Graph&, const Node&) { return yes(); }

}  // namespace

const CpuKernel quantize_blocks_kernel{"quantize_blocks", accepts, run_quantize};
const CpuKernel block_gather_kernel{"block_gather", accepts, run_gather};
const CpuKernel block_linear_kernel{"block_linear", accepts, run_product,
                                    CpuKernel::InPlace::residual};

}  // namespace hone::cpu
