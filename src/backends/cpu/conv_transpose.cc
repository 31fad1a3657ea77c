// Transposed convolutions: products of the filters with the image, added up where they belong.
#include "ops/conv_transpose.h"

#include <algorithm>
#include <span>

#include "backends/cpu/cpu.h"
#include "base/checked.h"
#include "kernels/matmul.h"

namespace hone::cpu {
namespace {

using kernels::kPanel;
using kernels::kPanelDepth;

// For each position of the kernel and of the image, where its product is added; -1: nowhere.
// [positions][in_size].
void find_places(const Windows& windows, const Extents& kernel, int64_t in_size,
                 std::span<int64_t> places) {
  const Extents in = in_extents(windows), out = out_extents(windows);
  std::ranges::fill(places, -1);
  Odometer k(kernel, {});
  if (k.empty()) return;
  size_t first = 0;
  do {
    for (const Tap& tap : taps(windows, k.position(), in, out))
      places[first + size_t(tap.strided)] = tap.dense;
    first += size_t(in_size);
  } while (k.next());
}

// Some filters of one group of one image.
struct Piece {
  const float* x;        // [channels, in]
  const float* weights;  // [channels][step], the first `rows` of each row are used
  int64_t channels, step;
  int64_t filters, positions;  // rows = filters * positions
  int64_t in, out;
  float* y;  // [filters, out]
};

void run_piece(const Piece& p, std::span<const int64_t> places, std::vector<float>& products) {
  const int64_t rows = p.filters * p.positions;
  products.resize(size_t(rows * kPanel));
  kernels::Panel panel;
  for (int64_t j = 0; j < p.in; j += kPanel) {
    const int64_t columns = std::min(kPanel, p.in - j);
    for (int64_t c = 0; c < p.channels; c += kPanelDepth) {
      const int64_t depth = std::min(kPanelDepth, p.channels - c);
      kernels::pack_panel(p.x + c * p.in + j, p.in, 1, depth, columns, panel.rows);
      kernels::multiply_panel(p.weights + c * p.step, 1, p.step, rows, depth, panel.rows,
                              products.data(), kPanel, columns, c > 0);
    }
    for (int64_t f = 0; f < p.filters; ++f)
      for (int64_t k = 0; k < p.positions; ++k) {
        const float* from = products.data() + (f * p.positions + k) * kPanel;
        const int64_t* to = places.data() + k * p.in + j;
        float* y = p.y + f * p.out;
        for (int64_t i = 0; i < columns; ++i)
          if (to[i] >= 0) y[to[i]] += from[i];
      }
  }
}

Status run(Call& c, ThreadPool& pool) {
  const TransposedConvolution conv = TRY(make_transposed_convolution(c));
  const Tensor &x = c.in(0), &w = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Extents kernel(w.shape().begin() + 2, w.shape().end());
  const int64_t in = checked_product(in_extents(conv.windows)).value_or(0);
  const int64_t out = checked_product(out_extents(conv.windows)).value_or(0);
  const int64_t positions = checked_product(kernel).value_or(0);
  const int64_t channels = x.shape()[1] / conv.group, depth = w.shape()[1];
  const auto count = checked_mul(positions, in);
  if (!count) return fail(ErrorId::over_memory, "conv_transpose: too many positions");
  const auto scratch = c.scratch<int64_t>(*count);
  const std::span<int64_t> places(scratch.data(), scratch.size());
  find_places(conv.windows, kernel, in, places);
  // Enough filters for the image's panels to be worth packing.
  constexpr int64_t kRows = 64;
  const int64_t block = std::min(depth, kRows / std::max<int64_t>(1, positions) + 1);
  const int64_t blocks = (depth + block - 1) / block;
  const int64_t work = block * (out + positions * channels * in);
  const float *px = x.as<float>().data(), *pw = w.as<float>().data();
  const float* bias = c.has(2) ? c.in(2).as<float>().data() : nullptr;
  float* py = y.as<float>().data();
  pool.parallel_for(
      y.shape()[0] * conv.group * blocks,
      std::max<int64_t>(1, kGrain * 4 / std::max<int64_t>(1, work)),
      [&](int64_t begin, int64_t end) {
        std::vector<float> products;
        for (int64_t i = begin; i < end; ++i) {
          const int64_t image_group = i / blocks, group = image_group % conv.group;
          const int64_t first = i % blocks * block, filters = std::min(block, depth - first);
          float* to = py + (image_group * depth + first) * out;
          for (int64_t f = 0; f < filters; ++f)
            std::fill_n(to + f * out, out, bias ? bias[group * depth + first + f] : 0.0f);
          if (in == 0 || positions == 0 || channels == 0) continue;
          const int64_t step = depth * positions;
          run_piece(
              {px + image_group * channels * in, pw + group * channels * step + first * positions,
               channels, step, filters, positions, in, out, to},
              places, products);
        }
      });
  return ok();
}

}  // namespace

const CpuKernel conv_transpose_kernel{"conv_transpose", f32_only, run};

}  // namespace hone::cpu
