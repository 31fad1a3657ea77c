// Convolutions and pooling of tensors whose channels are the last axis.
#include <algorithm>
#include <vector>

#include "backends/cpu/cpu.h"
#include "backends/cpu/epilogue.h"
#include "kernels/gemm/gemm.h"
#include "kernels/windows/windows.h"
#include "ops/window.h"

namespace hone::cpu {
namespace {

// Everything as three spatial axes; missing leading ones have extent 1.
struct Geometry {
  int64_t images, channels;
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], before[3];
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t positions() const { return kernel[0] * kernel[1] * kernel[2]; }
};

Result<Geometry> geometry_of(const Call& c, bool ceil_mode) {
  const Extents& x = c.in(0).shape();
  if (x.size() < 3 || x.size() > 5) return not_accepted(c);
  const std::vector<Dim> in(x.begin() + 1, x.end() - 1);
  const Windows windows = TRY(make_windows(c, in, {}, ceil_mode));
  Geometry g{x[0], x.back(), {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}};
  for (size_t i = 0; i < windows.size(); ++i) {
    const size_t at = 3 - windows.size() + i;
    g.in[at] = *windows[i].in.constant();
    g.out[at] = *windows[i].out.constant();
    g.kernel[at] = windows[i].kernel;
    g.stride[at] = windows[i].stride;
    g.dilation[at] = windows[i].dilation;
    g.before[at] = windows[i].before;
  }
  return g;
}

// Where the pixels under a window lie.
class Taps {
 public:
  Taps(const Geometry& g, const float* image, const float* outside)
      : g_(g), image_(image), outside_(outside) {}

  // Calls f(kernel position, pixel) for the window of output `o`; the pixel is `outside` where the
  // window leaves the image.
  template <class F>
  void each(int64_t o, F f) const {
    const int64_t at[3] = {o / (g_.out[1] * g_.out[2]), o / g_.out[2] % g_.out[1], o % g_.out[2]};
    int64_t k = 0;
    for (int64_t kz = 0; kz < g_.kernel[0]; ++kz) {
      const int64_t z = place(at[0], kz, 0);
      for (int64_t ky = 0; ky < g_.kernel[1]; ++ky) {
        const int64_t y = place(at[1], ky, 1);
        const bool row = z >= 0 && z < g_.in[0] && y >= 0 && y < g_.in[1];
        const float* line = image_ + (z * g_.in[1] + y) * g_.in[2] * g_.channels;
        for (int64_t kx = 0; kx < g_.kernel[2]; ++kx, ++k) {
          const int64_t x = place(at[2], kx, 2);
          f(k, row && x >= 0 && x < g_.in[2] ? line + x * g_.channels : outside_);
        }
      }
    }
  }

 private:
  int64_t place(int64_t o, int64_t k, int axis) const {
    return o * g_.stride[axis] - g_.before[axis] + k * g_.dilation[axis];
  }
  const Geometry& g_;
  const float* image_;
  const float* outside_;
};

// A convolution whose windows have few channels: the image is copied with its padding, so that a
// row of a window is one piece of memory.
struct Padded {
  Geometry geometry;
  Tensor image;
};

int64_t padded_width(const Geometry& g) { return (g.out[2] - 1) * g.stride[2] + g.kernel[2]; }

bool pays_to_pad(const Geometry& g, int64_t group) {
  return group == 1 && g.channels <= 4 && g.kernel[2] > 1 && g.dilation[2] == 1 && g.in[2] > 0 &&
         padded_width(g) <= 2 * g.in[2] + 8;
}

Result<Padded> pad_rows(const Call& c, const Geometry& g, const float* x) {
  const int64_t width = padded_width(g);
  Tensor padded = TRY(
      Tensor::make(DType::f32, {g.images, g.in[0], g.in[1], width, g.channels}, c.memory_limit));
  Padded p{g, std::move(padded)};
  const int64_t rows = g.images * g.in[0] * g.in[1];
  const int64_t used = std::min(g.in[2], width - g.before[2]);
  float* image = p.image.as<float>().data();
  for (int64_t r = 0; r < rows && used > 0; ++r)
    std::copy_n(x + r * g.in[2] * g.channels, used * g.channels,
                image + (r * width + g.before[2]) * g.channels);
  p.geometry.in[2] = width;
  p.geometry.before[2] = 0;
  p.geometry.kernel[2] = 1;  // its positions are one piece
  return p;
}

struct Conv {
  Geometry g;
  const float* x;
  const float* panels;
  const float* outside;
  int64_t group, filters, depth;  // depth: floats of a piece
  float* y;
  kernels::Epilogue epilogue;
  int64_t columns() const { return filters / group; }
};

constexpr int64_t kPixels = kernels::kRowBlock;

// Pixels [first, first + count) of image n, panels [panel, panel_end) of group `group`.
void convolve(const Conv& c, int64_t n, int64_t group, int64_t first, int64_t count, int64_t panel,
              int64_t panel_end, std::vector<const float*>& rows) {
  const kernels::GemmKernel& kernel = kernels::gemm_kernel();
  const int64_t positions = c.g.positions(), width = kernel.columns;
  const int64_t group_panels = (c.columns() + width - 1) / width;
  rows.resize(size_t(positions * count));
  const Taps taps(c.g, c.x + n * c.g.in_size() * c.g.channels + group * c.depth, c.outside);
  for (int64_t i = 0; i < count; ++i)
    taps.each(first + i,
              [&](int64_t k, const float* pixel) { rows[size_t(k * count + i)] = pixel; });
  kernels::Product p;
  p.a = {rows.data(), count, nullptr, 0, positions, c.depth};
  p.b = c.panels + group * group_panels * width * positions * c.depth;
  const int64_t at = (n * c.g.out_size() + first) * c.filters + group * c.columns();
  p.c = c.y + at;
  p.c_row = c.filters;
  p.m = count;
  p.n = c.columns();
  p.epilogue = c.epilogue;
  if (p.epilogue.bias) p.epilogue.bias += group * c.columns();
  if (p.epilogue.added) p.epilogue.added += at;
  multiply(kernel, p, panel, panel_end);
}

void run_conv(const Conv& c, int64_t panels, ThreadPool& pool) {
  const int64_t blocks = (c.g.out_size() + kPixels - 1) / kPixels;
  const int64_t cells = c.g.images * c.group * blocks;
  const int64_t wanted = pool.size() == 1 ? 1 : 2 * int64_t(pool.size());
  const int64_t across = std::clamp<int64_t>((wanted + cells - 1) / cells, 1, panels);
  const int64_t step = (panels + across - 1) / across;
  pool.parallel_for(cells * across, 1, [&](int64_t begin, int64_t end) {
    std::vector<const float*> rows;
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t cell = piece / across, panel = piece % across * step;
      if (panel >= panels) continue;
      const int64_t first = cell % blocks * kPixels;
      convolve(c, cell / blocks / c.group, cell / blocks % c.group, first,
               std::min(kPixels, c.g.out_size() - first), panel, std::min(panel + step, panels),
               rows);
    }
  });
}

Status run_channels_last_conv(Call& c, ThreadPool& pool) {
  const Extents& panels = c.in(1).shape();
  Tensor& y = *TRY(c.out(0));
  if (panels.size() != 4 || panels[3] != kernels::gemm_kernel().columns) return not_accepted(c);
  if (y.count() == 0) return ok();
  Conv conv{};
  conv.g = TRY(geometry_of(c, false));
  conv.x = c.in(0).as<float>().data();
  conv.group = c.integer("group");
  Padded padded;
  conv.depth = conv.g.channels / conv.group;
  if (pays_to_pad(conv.g, conv.group)) {
    conv.depth *= conv.g.kernel[2];
    padded = TRY(pad_rows(c, conv.g, conv.x));
    conv.g = padded.geometry;
    conv.x = padded.image.as<float>().data();
  }
  const std::vector<float> outside(size_t(conv.depth), 0.0f);
  conv.outside = outside.data();
  conv.panels = c.in(1).as<float>().data();
  conv.filters = y.shape().back();
  conv.y = y.as<float>().data();
  conv.epilogue = epilogue_of(c, conv.filters);
  run_conv(conv, panels[1], pool);
  return ok();
}

Status run_channels_last_depthwise_conv(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Geometry g = TRY(geometry_of(c, false));
  const std::vector<float> outside(size_t(g.channels), 0.0f);
  const float* x = c.in(0).as<float>().data();
  const kernels::Epilogue epilogue = epilogue_of(c, g.channels);
  // Pieces of a line of results.
  constexpr int64_t kPiece = 64;
  const int64_t positions = g.positions(), pieces = (g.out[2] + kPiece - 1) / kPiece;
  const int64_t cost = std::max<int64_t>(1, std::min(kPiece, g.out[2]) * g.channels * positions);
  pool.parallel_for(g.images * g.out[0] * g.out[1] * pieces, std::max<int64_t>(1, kGrain / cost),
                    [&](int64_t begin, int64_t end) {
                      std::vector<const float*> taps(size_t(kPiece * positions));
                      for (int64_t piece = begin; piece < end; ++piece) {
                        const int64_t line = piece / pieces, column = piece % pieces * kPiece;
                        const int64_t count = std::min(kPiece, g.out[2] - column);
                        const int64_t n = line / (g.out[0] * g.out[1]);
                        const int64_t first = line % (g.out[0] * g.out[1]) * g.out[2] + column;
                        const Taps window(g, x + n * g.in_size() * g.channels, outside.data());
                        for (int64_t i = 0; i < count; ++i)
                          window.each(first + i, [&](int64_t k, const float* pixel) {
                            taps[size_t(i * positions + k)] = pixel;
                          });
                        const int64_t at = (line * g.out[2] + column) * g.channels;
                        kernels::Epilogue e = epilogue;
                        if (e.added) e.added += at;
                        kernels::window_kernels().depthwise(taps.data(), positions, count,
                                                            c.in(1).as<float>().data(), g.channels,
                                                            e, y.as<float>().data() + at);
                      }
                    });
  return ok();
}

// f(pixels under the window, how many, positions within the padded image, where the result goes).
template <class F>
Status pool_windows(Call& c, ThreadPool& pool, F f) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Geometry g = TRY(geometry_of(c, c.integer("ceil_mode") != 0));
  const float* x = c.in(0).as<float>().data();
  const int64_t cost = std::max<int64_t>(1, g.channels * g.positions());
  pool.parallel_for(
      g.images * g.out_size(), std::max<int64_t>(1, kGrain / cost),
      [&](int64_t begin, int64_t end) {
        std::vector<const float*> taps(size_t(g.positions()));
        for (int64_t o = begin; o < end; ++o) {
          const Taps window(g, x + o / g.out_size() * g.in_size() * g.channels, nullptr);
          int64_t count = 0;
          window.each(o % g.out_size(), [&](int64_t, const float* pixel) {
            if (pixel) taps[size_t(count++)] = pixel;
          });
          f(g, o % g.out_size(), taps.data(), count, y.as<float>().data() + o * g.channels);
        }
      });
  return ok();
}

Status run_channels_last_max_pool(Call& c, ThreadPool& pool) {
  return pool_windows(
      c, pool, [](const Geometry& g, int64_t, const float* const* taps, int64_t count, float* y) {
        kernels::window_kernels().maximum(taps, count, g.channels, y);
      });
}

// Positions of a window within the padded image.
int64_t counted_positions(const Geometry& g, const int64_t (&after)[3], int64_t o) {
  const int64_t at[3] = {o / (g.out[1] * g.out[2]), o / g.out[2] % g.out[1], o % g.out[2]};
  int64_t counted = 1;
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t room = g.in[axis] + after[axis] - (at[axis] * g.stride[axis] - g.before[axis]);
    counted *= room <= 0 ? 0 : std::min(g.kernel[axis], (room - 1) / g.dilation[axis] + 1);
  }
  return counted;
}

Status run_channels_last_average_pool(Call& c, ThreadPool& pool) {
  const bool padding = c.integer("count_include_pad") != 0;
  int64_t after[3] = {0, 0, 0};
  if (padding) {
    const Extents& x = c.in(0).shape();
    const std::vector<Dim> in(x.begin() + 1, x.end() - 1);
    const Windows windows = TRY(make_windows(c, in, {}, c.integer("ceil_mode") != 0));
    if (windows.size() > 3) return not_accepted(c);
    for (size_t i = 0; i < windows.size(); ++i) after[3 - windows.size() + i] = windows[i].after;
  }
  return pool_windows(
      c, pool,
      [&](const Geometry& g, int64_t o, const float* const* taps, int64_t count, float* y) {
        const int64_t n = padding ? counted_positions(g, after, o) : count;
        kernels::window_kernels().mean(taps, count, g.channels, 1.0f / float(n), y);
      });
}

Support accepts(const Graph& graph, const Node& node) {
  const Shape& x = graph[node.inputs[0]].type.tensor.shape;
  if (!x.ranked || x.rank() < 3 || x.rank() > 5) return no("only one to three spatial axes");
  return f32_only(graph, node);
}

Support accepts_conv(const Graph& graph, const Node& node) {
  const Shape& panels = graph[node.inputs[1]].type.tensor.shape;
  if (!panels.ranked || panels.rank() != 4 || !panels.dims[3].is(kernels::gemm_kernel().columns))
    return no("panels of another width than this machine's " +
              std::to_string(kernels::gemm_kernel().columns));
  return accepts(graph, node);
}

}  // namespace

const CpuKernel channels_last_conv_kernel{"channels_last_conv", accepts_conv,
                                          run_channels_last_conv};
const CpuKernel channels_last_depthwise_conv_kernel{"channels_last_depthwise_conv", accepts,
                                                    run_channels_last_depthwise_conv};
const CpuKernel channels_last_max_pool_kernel{"channels_last_max_pool", accepts,
                                              run_channels_last_max_pool};
const CpuKernel channels_last_average_pool_kernel{"channels_last_average_pool", accepts,
                                                  run_channels_last_average_pool};

}  // namespace hone::cpu
