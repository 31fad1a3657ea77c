// Convolutions of tensors whose channels are the last axis.
#include <algorithm>
#include <vector>

#include "backends/cpu/channels_last_geometry.h"
#include "backends/cpu/epilogue.h"
#include "kernels/gemm/gemm.h"

namespace hone::cpu {
namespace {

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

Support accepts_conv(const Graph& graph, const Node& node) {
  const Shape& panels = graph[node.inputs[1]].type.tensor.shape;
  if (!panels.ranked || panels.rank() != 4 || !panels.dims[3].is(kernels::gemm_kernel().columns))
    return no("panels of another width than this machine's " +
              std::to_string(kernels::gemm_kernel().columns));
  return accepts_channels_last(graph, node);
}

}  // namespace

const CpuKernel channels_last_conv_kernel{"channels_last_conv", accepts_conv,
                                          run_channels_last_conv};

}  // namespace hone::cpu
