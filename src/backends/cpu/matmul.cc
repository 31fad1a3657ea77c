// Matrix products: matmul with batches, gemm.
#include "kernels/matmul.h"

#include <algorithm>

#include "backends/cpu/cpu.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

using kernels::kPanel;
using kernels::kPanelDepth;

constexpr int64_t kRowBlock = 48;  // rows of one piece: eight register tiles

// One product of a batch; strides in elements.
struct Product {
  const float* a;
  int64_t a_row, a_column;
  const float* b;
  int64_t b_row, b_column;
  float* c;
  int64_t rows, columns, k;
};

// Panels of b are packed by the piece that uses them, block by block; a piece is a panel over all
// rows, or, when there are few panels, a block of rows.
void multiply(const Product& p, ThreadPool& pool) {
  const int64_t panels = (p.columns + kPanel - 1) / kPanel;
  const int64_t row_blocks =
      panels >= 2 * int64_t(pool.size()) ? 1 : (p.rows + kRowBlock - 1) / kRowBlock;
  const int64_t block = row_blocks == 1 ? p.rows : kRowBlock;
  const int64_t work = std::max<int64_t>(1, p.k * kPanel * block);
  pool.parallel_for(
      panels * row_blocks, std::max<int64_t>(1, kGrain * 4 / work),
      [&](int64_t begin, int64_t end) {
        kernels::Panel panel;
        int64_t packed = -1;  // first column of the panel, where one block holds all its rows
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t j = piece / row_blocks * kPanel;
          const int64_t i = piece % row_blocks * block;
          const int64_t columns = std::min(kPanel, p.columns - j);
          for (int64_t k0 = 0; k0 < p.k || k0 == 0; k0 += kPanelDepth) {
            const int64_t depth = std::min(kPanelDepth, p.k - k0);
            if (packed != j)
              kernels::pack_panel(p.b + j * p.b_column + k0 * p.b_row, p.b_row, p.b_column, depth,
                                  columns, panel.rows);
            kernels::multiply_panel(p.a + i * p.a_row + k0 * p.a_column, p.a_row, p.a_column,
                                    std::min(block, p.rows - i), depth, panel.rows,
                                    p.c + i * p.columns + j, p.columns, columns, k0 > 0);
          }
          if (p.k <= kPanelDepth) packed = j;
        }
      });
}

Status run_matmul(Call& c, ThreadPool& pool) {
  const Tensor &a = c.in(0), &b = c.in(1);
  Tensor& y = *TRY(c.out(0));
  Extents as = a.shape(), bs = b.shape();
  if (as.size() == 1) as.insert(as.begin(), 1);
  if (bs.size() == 1) bs.push_back(1);
  const int64_t rows = as[as.size() - 2], k = as.back(), columns = bs.back();
  const Extents a_batch(as.begin(), as.end() - 2), b_batch(bs.begin(), bs.end() - 2);
  Extents batch(std::max(a_batch.size(), b_batch.size()), 1);
  for (const Extents* e : {&a_batch, &b_batch})
    for (size_t i = 0; i < e->size(); ++i) {
      int64_t& extent = batch[batch.size() - e->size() + i];
      if ((*e)[i] != 1) extent = (*e)[i];
    }
  const float *pa = a.as<float>().data(), *pb = b.as<float>().data();
  float* py = y.as<float>().data();
  if (y.count() == 0) return ok();
  // A batch against one matrix is one product with more rows.
  if (b_batch.empty() ||
      std::all_of(b_batch.begin(), b_batch.end(), [](int64_t n) { return n == 1; })) {
    multiply({pa, k, 1, pb, columns, 1, py, a.count() / std::max<int64_t>(1, k), columns, k}, pool);
    if (k == 0) std::fill_n(py, y.count(), 0.0f);
    return ok();
  }
  const std::vector<int64_t> a_strides = broadcast_strides(a_batch, batch);
  const std::vector<int64_t> b_strides = broadcast_strides(b_batch, batch);
  const auto product = [&](int64_t n) {
    int64_t at_a = 0, at_b = 0, rest = n;
    for (size_t axis = batch.size(); axis-- > 0; rest /= batch[axis]) {
      at_a += rest % batch[axis] * a_strides[axis];
      at_b += rest % batch[axis] * b_strides[axis];
    }
    return Product{pa + at_a * rows * k,
                   k,
                   1,
                   pb + at_b * k * columns,
                   columns,
                   1,
                   py + n * rows * columns,
                   rows,
                   columns,
                   k};
  };
  const int64_t products = y.count() / (rows * columns);
  if (products < 2 * int64_t(pool.size())) {
    for (int64_t n = 0; n < products; ++n) multiply(product(n), pool);
    return ok();
  }
  pool.parallel_for(products, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) multiply(product(n), pool);
  });
  return ok();
}

Status run_gemm(Call& c, ThreadPool& pool) {
  const Tensor &a = c.in(0), &b = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const bool ta = c.integer("transa") != 0, tb = c.integer("transb") != 0;
  const int64_t rows = y.shape()[0], columns = y.shape()[1], k = a.shape()[ta ? 0 : 1];
  const float alpha = c.real("alpha"), beta = c.real("beta");
  float* py = y.as<float>().data();
  multiply({a.as<float>().data(), ta ? 1 : k, ta ? rows : 1, b.as<float>().data(), tb ? 1 : columns,
            tb ? k : 1, py, rows, columns, k},
           pool);
  std::vector<int64_t> strides{0, 0};
  const float* added = nullptr;
  if (c.has(2) && beta != 0) {  // 0 leaves it out, even where it is infinite
    strides = broadcast_strides(c.in(2).shape(), y.shape());
    added = c.in(2).as<float>().data();
  }
  if (!added && alpha == 1) return ok();
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      float& out = py[i * columns + j];
      out = alpha * out + (added ? beta * added[i * strides[0] + j * strides[1]] : 0.0f);
    }
  return ok();
}

}  // namespace

const CpuKernel matmul_kernel{"matmul", f32_only, run_matmul};
const CpuKernel gemm_kernel{"gemm", f32_only, run_gemm};

}  // namespace hone::cpu
