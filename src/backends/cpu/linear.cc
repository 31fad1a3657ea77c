// Products with packed matrices.
#include <algorithm>
#include <vector>

#include "backends/cpu/cpu.h"
#include "backends/cpu/epilogue.h"
#include "kernels/gemm/gemm.h"
#include "kernels/instruction_set.h"

namespace hone::cpu {
namespace {

// Pieces of a product that threads work on: blocks of rows where there are enough of them, else
// ranges of panels.
struct Pieces {
  int64_t rows, panels;  // of one piece
  int64_t down, across;  // pieces
};

Pieces pieces_of(int64_t m, int64_t n, int64_t k, int64_t panels, int threads) {
  Pieces pieces{m, panels, 1, 1};
  constexpr int64_t kWorthwhile = int64_t{1} << 15;
  if (threads == 1 || m * n < kWorthwhile / std::max<int64_t>(1, k)) return pieces;
  // More than threads: a thread that is held up keeps the others waiting for one piece at most.
  const int64_t wanted = 8 * int64_t(threads);
  const int64_t blocks = (m + kernels::kRowBlock - 1) / kernels::kRowBlock;
  if (blocks >= wanted) {
    pieces.rows = kernels::kRowBlock;
    pieces.down = blocks;
  } else {
    pieces.panels = (panels + wanted - 1) / wanted;
    pieces.across = (panels + pieces.panels - 1) / pieces.panels;
  }
  return pieces;
}

Status run(Call& c, ThreadPool& pool) {
  const kernels::GemmKernel& kernel = kernels::gemm_kernel();
  const Tensor &x = c.in(0), &panels = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (panels.rank() != 3 || panels.shape()[2] != kernel.columns) return not_accepted(c);
  if (y.count() == 0) return ok();
  const int64_t depth = panels.shape()[1], n = y.shape().back(), m = y.count() / n;
  std::vector<const float*> rows(static_cast<size_t>(m));
  for (int64_t i = 0; i < m; ++i) rows[size_t(i)] = x.as<float>().data() + i * depth;
  kernels::Product p;
  p.a = {rows.data(), m, 1, depth};
  p.b = panels.as<float>().data();
  p.c = y.as<float>().data();
  p.c_row = n;
  p.m = m;
  p.n = n;
  p.epilogue = epilogue_of(c, n);
  const Pieces pieces = pieces_of(m, n, depth, panels.shape()[0], pool.size());
  pool.parallel_for(pieces.down * pieces.across, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t row = piece / pieces.across * pieces.rows;
      const int64_t panel = piece % pieces.across * pieces.panels;
      multiply(kernel, p.rows(row, std::min(pieces.rows, m - row)), panel,
               std::min(panel + pieces.panels, panels.shape()[0]));
    }
  });
  return ok();
}

Support accepts(const Graph& graph, const Node& node) {
  const Shape& panels = graph[node.inputs[1]].type.tensor.shape;
  if (!panels.ranked || panels.rank() != 3 || !panels.dims[2].is(kernels::gemm_kernel().columns))
    return no("panels of another width than this machine's " +
              std::to_string(kernels::gemm_kernel().columns));
  return f32_only(graph, node);
}

}  // namespace

const CpuKernel linear_kernel{"linear", accepts, run};

std::string lowering() {
  const std::string width = "(width=" + std::to_string(kernels::gemm_kernel().columns) + ")";
  return "widen, lower_attention, lower_conv" + width +
         ", spread_channels_last, canonicalize, lower_linear" + width + ", sweep";
}

std::string target() {
  // To be counted up when packed weights, or the operators that take them, change.
  constexpr int kVersion = 1;
  return "cpu " + std::to_string(kVersion) + " " + std::string(kernels::instruction_set());
}

}  // namespace hone::cpu
