#include "backends/cpu/winograd.h"

#include <algorithm>
#include <vector>

#include "backends/cpu/epilogue.h"
#include "kernels/gemm/gemm.h"
#include "kernels/winograd/winograd.h"

namespace hone::cpu {
namespace {

using kernels::kWinogradInput;
using kernels::kWinogradProducts;
using kernels::kWinogradTile;

// A panel of weights is transformed when it is used: four times as many weights, kept instead,
// would take memory, and longer to read from it.
struct Winograd {
  const Geometry& g;
  const float *x, *panels, *outside;
  float* y;
  int64_t y_step;  // floats from one pixel to the next
  int64_t filters;
  kernels::Epilogue epilogue;

  int64_t down() const { return (g.out[1] + kWinogradTile - 1) / kWinogradTile; }
  int64_t across() const { return (g.out[2] + kWinogradTile - 1) / kWinogradTile; }
  int64_t tiles() const { return g.images * down() * across(); }
  static int64_t width() { return kernels::gemm_kernel().columns; }
  int64_t panel_count() const { return kernels::panels(kernels::gemm_kernel(), filters); }
  // Floats from one of the 36 products to the next.
  static int64_t apart(int64_t floats) {
    constexpr int64_t kPage = 1024, kLine = 16;
    return (floats + kPage - 1) / kPage * kPage + kLine;
  }
  int64_t inputs_step(int64_t tiles) const { return apart(tiles * g.channels); }
  static int64_t weights_step(int64_t channels) { return apart(channels * width()); }
  static int64_t products_step(int64_t tiles) { return apart(tiles * width()); }
};

struct Place {
  int64_t image, row, column;  // of the first result
};
Place place_of(const Winograd& w, int64_t tile) {
  const int64_t per_image = w.down() * w.across(), at = tile % per_image;
  return {tile / per_image, at / w.across() * kWinogradTile, at % w.across() * kWinogradTile};
}

struct Tiles {
  int64_t first, count;
};

// To 36 times [count][channels], `step` apart.
void transform_inputs(const Winograd& w, Tiles tiles, float* to, int64_t step) {
  const Geometry& g = w.g;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const Place place = place_of(w, tiles.first + t);
    const float* image = w.x + place.image * g.in_size() * g.channels;
    const float* pixels[kWinogradProducts];
    for (int64_t i = 0; i < kWinogradProducts; ++i) {
      const int64_t row = place.row - g.before[1] + i / kWinogradInput;
      const int64_t column = place.column - g.before[2] + i % kWinogradInput;
      const bool inside = row >= 0 && row < g.in[1] && column >= 0 && column < g.in[2];
      pixels[i] = inside ? image + (row * g.in[2] + column) * g.channels : w.outside;
    }
    kernels::winograd_kernels().input(pixels, g.channels, to + t * g.channels, step);
  }
}

// Some channels of all.
struct Channels {
  int64_t first, count;
};

void transform_weights(const Winograd& w, int64_t panel, Channels channels, float* to) {
  const int64_t position = w.g.channels * Winograd::width();
  const float* from = w.panels + panel * kernels::kWinogradPositions * position;
  kernels::winograd_kernels().weights(from + channels.first * Winograd::width(), position,
                                      channels.count * Winograd::width(), to,
                                      Winograd::weights_step(channels.count));
}

// The sum of products itself: where the transforms meet what is not finite, or overflow, they give
// no number in results that have one.
float direct(const Winograd& w, int64_t image, int64_t row, int64_t column, const float* weights) {
  const Geometry& g = w.g;
  float sum = 0;
  for (int64_t k = 0; k < kernels::kWinogradPositions; ++k) {
    const int64_t y = row - g.before[1] + k / 3, x = column - g.before[2] + k % 3;
    if (y < 0 || y >= g.in[1] || x < 0 || x >= g.in[2]) continue;
    const float* pixel = w.x + ((image * g.in[1] + y) * g.in[2] + x) * g.channels;
    for (int64_t c = 0; c < g.channels; ++c)
      sum += pixel[c] * weights[(k * g.channels + c) * Winograd::width()];
  }
  return sum;
}

void compute_directly(const Winograd& w, const Place& place, int64_t rows, int64_t across,
                      int64_t panel, int64_t columns, float* y) {
  const float* weights =
      w.panels + panel * kernels::kWinogradPositions * w.g.channels * Winograd::width();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t x = 0; x < across; ++x)
      for (int64_t j = 0; j < columns; ++j)
        y[(r * w.g.out[2] + x) * w.y_step + j] =
            direct(w, place.image, place.row + r, place.column + x, weights + j);
}

// The summand of a tile, copied: its results may be written where it lies.
class Summand {
 public:
  Summand(const Winograd& w, int64_t pixel, int64_t rows, int64_t across, int64_t column,
          int64_t columns)
      : row_(across * columns) {
    if (!w.epilogue.added) return;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t x = 0; x < across; ++x)
        std::copy_n(w.epilogue.added + (pixel + r * w.g.out[2] + x) * w.filters + column, columns,
                    floats_ + r * row_ + x * columns);
    there_ = true;
  }
  const float* row(int64_t r) const { return there_ ? floats_ + r * row_ : nullptr; }

 private:
  float floats_[kWinogradTile * kWinogradTile * kernels::kWidestPanel];
  int64_t row_;
  bool there_ = false;
};

// `products`: 36 times [count][columns].
void transform_outputs(const Winograd& w, Tiles tiles, int64_t panel, int64_t columns,
                       const float* products) {
  const int64_t first = panel * Winograd::width();
  kernels::Epilogue epilogue = w.epilogue;
  epilogue.added_row = columns;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const Place place = place_of(w, tiles.first + t);
    const int64_t rows = std::min(kWinogradTile, w.g.out[1] - place.row);
    const int64_t across = std::min(kWinogradTile, w.g.out[2] - place.column);
    const int64_t pixel = (place.image * w.g.out[1] + place.row) * w.g.out[2] + place.column;
    const Summand summand(w, pixel, rows, across, first, columns);
    float* y = w.y + pixel * w.y_step + first;
    const int64_t line = w.g.out[2] * w.y_step;
    if (!kernels::winograd_kernels().output(products + t * columns,
                                            Winograd::products_step(tiles.count), columns, rows,
                                            across, y, line, w.y_step))
      compute_directly(w, place, rows, across, panel, columns, y);
    if (w.epilogue.empty()) continue;
    for (int64_t r = 0; r < rows; ++r)
      kernels::gemm_kernel().finish(epilogue, y + r * line, w.y_step, across, columns, first,
                                    summand.row(r));
  }
}

int64_t columns_of(const Winograd& w, int64_t panel) {
  return std::min(Winograd::width(), w.filters - panel * Winograd::width());
}

// The products of some tiles with one panel, over some channels; the first of them begin the sums.
void multiply_panel(const Winograd& w, Tiles tiles, int64_t panel, Channels channels,
                    const float* inputs, const float* weights, float* products) {
  for (int64_t i = 0; i < kWinogradProducts; ++i) {
    kernels::Product p;
    p.a = {inputs + i * w.inputs_step(tiles.count) + channels.first, w.g.channels, channels.count};
    p.b = weights + i * Winograd::weights_step(channels.count);
    p.c = products + i * Winograd::products_step(tiles.count);
    p.c_row = p.n = columns_of(w, panel);
    p.m = tiles.count;
    p.add = channels.first > 0;
    multiply(kernels::gemm_kernel(), p, 0, 1);
  }
}

// Few tiles: their inputs are transformed once, and each panel is a piece of work, so many channels
// at a time that their transformed weights stay in the L2 cache.
void run_by_panels(const Winograd& w, const Call& c, ThreadPool& pool) {
  const Tiles all{0, w.tiles()};
  const auto inputs = c.scratch<float>(kWinogradProducts * w.inputs_step(all.count));
  pool.parallel_for(all.count, 4, [&](int64_t begin, int64_t end) {
    transform_inputs(w, {begin, end - begin}, inputs.data() + begin * w.g.channels,
                     w.inputs_step(all.count));
  });
  pool.parallel_for(w.panel_count(), 1, [&](int64_t begin, int64_t end) {
    constexpr int64_t kChannels = 64;
    const auto weights = c.scratch<float>(kWinogradProducts * Winograd::weights_step(kChannels));
    const auto products = c.scratch<float>(kWinogradProducts * Winograd::products_step(all.count));
    for (int64_t panel = begin; panel < end; ++panel) {
      for (int64_t first = 0; first < w.g.channels; first += kChannels) {
        const Channels some{first, std::min(kChannels, w.g.channels - first)};
        transform_weights(w, panel, some, weights.data());
        multiply_panel(w, all, panel, some, inputs.data(), weights.data(), products.data());
      }
      transform_outputs(w, all, panel, columns_of(w, panel), products.data());
    }
  });
}

// Many tiles: the panels are transformed once, and each block of tiles is a piece of work.
void run_by_blocks(const Winograd& w, const Call& c, int64_t blocks, ThreadPool& pool) {
  const Channels every{0, w.g.channels};
  const int64_t transformed = kWinogradProducts * Winograd::weights_step(every.count);
  const auto weights = c.scratch<float>(w.panel_count() * transformed);
  pool.parallel_for(w.panel_count(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel)
      transform_weights(w, panel, every, weights.data() + panel * transformed);
  });
  const int64_t tiles = w.tiles(), block = (tiles + blocks - 1) / blocks;
  pool.parallel_for((tiles + block - 1) / block, 1, [&](int64_t begin, int64_t end) {
    const auto inputs = c.scratch<float>(kWinogradProducts * w.inputs_step(block));
    const auto products = c.scratch<float>(kWinogradProducts * Winograd::products_step(block));
    for (int64_t i = begin; i < end; ++i) {
      const Tiles some{i * block, std::min(block, tiles - i * block)};
      transform_inputs(w, some, inputs.data(), w.inputs_step(some.count));
      for (int64_t panel = 0; panel < w.panel_count(); ++panel) {
        multiply_panel(w, some, panel, every, inputs.data(), weights.data() + panel * transformed,
                       products.data());
        transform_outputs(w, some, panel, columns_of(w, panel), products.data());
      }
    }
  });
}

}  // namespace

Status run_winograd(Call& c, const Geometry& geometry, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  const int64_t filters = y.shape().back();
  const std::vector<float> outside(size_t(geometry.channels), 0.0f);
  const Winograd w{
      geometry,       c.in(0).as<float>().data(), c.in(1).as<float>().data(),
      outside.data(), y.as<float>().data(),       c.row_step > 0 ? c.row_step : filters,
      filters,        epilogue_of(c, filters)};
  // Their inputs, transformed, are to stay in the L2 cache, most of them.
  constexpr int64_t kBlock = 112;
  const int64_t blocks = (w.tiles() + kBlock - 1) / kBlock;
  if (blocks == 1)
    run_by_panels(w, c, pool);
  else
    run_by_blocks(w, c, blocks, pool);
  return ok();
}

}  // namespace hone::cpu
