// Convolution by Winograd's minimal filtering: tiles are transformed, multiplied as 36 matrices and
// transformed back, a block of tiles at a time.
#include "kernels/winograd/winograd.h"

#include <algorithm>
#include <vector>

#include "backends/cpu/cpu.h"
#include "backends/cpu/epilogue.h"
#include "kernels/gemm/gemm.h"
#include "ops/window.h"

namespace hone::cpu {
namespace {

using kernels::kWinogradInput;
using kernels::kWinogradProducts;
using kernels::kWinogradTile;

struct Winograd {
  const float *x, *panels, *outside;
  int64_t images, height, width, channels;  // of x
  int64_t out_height, out_width, filters;   // of y
  int64_t top, left;                        // padding
  float* y;
  kernels::Epilogue epilogue;

  int64_t down() const { return (out_height + kWinogradTile - 1) / kWinogradTile; }
  int64_t across() const { return (out_width + kWinogradTile - 1) / kWinogradTile; }
  int64_t tiles() const { return images * down() * across(); }
};

// Buffers of one piece of work: [36][tiles][channels] and [36][tiles][filters].
struct Scratch {
  std::vector<float> inputs, products;
};

struct Place {
  int64_t image, row, column;  // of the first result
};
Place place_of(const Winograd& w, int64_t tile) {
  const int64_t per_image = w.down() * w.across(), at = tile % per_image;
  return {tile / per_image, at / w.across() * kWinogradTile, at % w.across() * kWinogradTile};
}

void transform_inputs(const Winograd& w, int64_t first, int64_t count, Scratch& s) {
  for (int64_t t = 0; t < count; ++t) {
    const Place place = place_of(w, first + t);
    const float* image = w.x + place.image * w.height * w.width * w.channels;
    const float* pixels[kWinogradProducts];
    for (int64_t i = 0; i < kWinogradProducts; ++i) {
      const int64_t row = place.row - w.top + i / kWinogradInput;
      const int64_t column = place.column - w.left + i % kWinogradInput;
      const bool inside = row >= 0 && row < w.height && column >= 0 && column < w.width;
      pixels[i] = inside ? image + (row * w.width + column) * w.channels : w.outside;
    }
    kernels::winograd_kernels().input(pixels, w.channels, s.inputs.data() + t * w.channels,
                                      count * w.channels);
  }
}

void multiply_tiles(const Winograd& w, int64_t count, Scratch& s) {
  const kernels::GemmKernel& kernel = kernels::gemm_kernel();
  const int64_t panels = (w.filters + kernel.columns - 1) / kernel.columns;
  for (int64_t i = 0; i < kWinogradProducts; ++i) {
    kernels::Product p;
    p.a = {s.inputs.data() + i * count * w.channels, w.channels, w.channels};
    p.b = w.panels + i * panels * w.channels * kernel.columns;
    p.c = s.products.data() + i * count * w.filters;
    p.c_row = w.filters;
    p.m = count;
    p.n = w.filters;
    multiply(kernel, p, 0, panels);
  }
}

void transform_outputs(const Winograd& w, int64_t first, int64_t count, const Scratch& s) {
  for (int64_t t = 0; t < count; ++t) {
    const Place place = place_of(w, first + t);
    const int64_t rows = std::min(kWinogradTile, w.out_height - place.row);
    const int64_t columns = std::min(kWinogradTile, w.out_width - place.column);
    const int64_t at =
        ((place.image * w.out_height + place.row) * w.out_width + place.column) * w.filters;
    const int64_t row = w.out_width * w.filters;
    kernels::winograd_kernels().output(s.products.data() + t * w.filters, count * w.filters,
                                       w.filters, rows, columns, w.y + at, row);
    if (w.epilogue.empty()) continue;
    for (int64_t r = 0; r < rows; ++r)
      kernels::gemm_kernel().finish(w.epilogue, w.y + at + r * row, w.filters, columns, w.filters,
                                    0,
                                    w.epilogue.added ? w.epilogue.added + at + r * row : nullptr);
  }
}

// So many tiles that each matrix of weights is used often while it is in the cache.
int64_t block_of(const Winograd& w, int threads) {
  constexpr int64_t kBlock = 48;
  const int64_t even = (w.tiles() + threads - 1) / threads;
  return std::clamp<int64_t>((even + 5) / 6 * 6, 1, kBlock);
}

Status run(Call& c, ThreadPool& pool) {
  const Extents &x = c.in(0).shape(), &panels = c.in(1).shape();
  Tensor& y = *TRY(c.out(0));
  if (x.size() != 4 || panels.size() != 4 || panels[3] != kernels::gemm_kernel().columns)
    return not_accepted(c);
  if (y.count() == 0) return ok();
  const Integers pads = TRY(axis_list(c, "pads", 4, 0, 0));
  const std::vector<float> outside(size_t(x[3]), 0.0f);
  const Winograd w{c.in(0).as<float>().data(),
                   c.in(1).as<float>().data(),
                   outside.data(),
                   x[0],
                   x[1],
                   x[2],
                   x[3],
                   y.shape()[1],
                   y.shape()[2],
                   y.shape()[3],
                   pads[0],
                   pads[1],
                   y.as<float>().data(),
                   epilogue_of(c, y.shape()[3])};
  const int64_t block = block_of(w, pool.size()), tiles = w.tiles();
  pool.parallel_for((tiles + block - 1) / block, 1, [&](int64_t begin, int64_t end) {
    Scratch s;
    s.inputs.resize(size_t(kWinogradProducts * block * w.channels));
    s.products.resize(size_t(kWinogradProducts * block * w.filters));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i * block, count = std::min(block, tiles - first);
      transform_inputs(w, first, count, s);
      multiply_tiles(w, count, s);
      transform_outputs(w, first, count, s);
    }
  });
  return ok();
}

Support accepts(const Graph& graph, const Node& node) {
  const Shape& panels = graph[node.inputs[1]].type.tensor.shape;
  if (!panels.ranked || panels.rank() != 4 || !panels.dims[3].is(kernels::gemm_kernel().columns))
    return no("panels of another width than this machine's " +
              std::to_string(kernels::gemm_kernel().columns));
  return f32_only(graph, node);
}

}  // namespace

const CpuKernel channels_last_winograd_conv_kernel{"channels_last_winograd_conv", accepts, run};

}  // namespace hone::cpu
