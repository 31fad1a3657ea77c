// Convolution over one to three spatial axes: panels of gathered inputs times the weights;
// depthwise convolution directly.
#include <algorithm>
#include <cmath>

#include "backends/cpu/cpu.h"
#include "kernels/matmul.h"
#include "ops/window.h"

namespace hone::cpu {
namespace {

using kernels::kPanel;
using kernels::kPanelDepth;

// Everything as three spatial axes; missing leading ones have extent 1.
struct Geometry {
  int64_t batch, channels, filters, group;
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], before[3];
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
};

Geometry geometry(const Tensor& x, const Tensor& w, const Convolution& conv) {
  Geometry g{x.shape()[0], x.shape()[1], w.shape()[0], conv.group, {1, 1, 1},
             {1, 1, 1},    {1, 1, 1},    {1, 1, 1},    {1, 1, 1},  {0, 0, 0}};
  const size_t axes = conv.windows.size();
  for (size_t i = 0; i < axes; ++i) {
    const Window& window = conv.windows[i];
    const size_t at = 3 - axes + i;
    g.in[at] = *window.in.constant();
    g.out[at] = *window.out.constant();
    g.kernel[at] = w.shape()[2 + i];
    g.stride[at] = window.stride;
    g.dilation[at] = window.dilation;
    g.before[at] = window.before;
  }
  return g;
}

// For the outputs [first, first + count) of one image and group: the inputs under the kernel
// positions [k0, k0 + depth) of all channels, as depth x kPanel with zeros outside the image.
void gather_panel(const Geometry& g, const float* image, int64_t k0, int64_t depth, int64_t first,
                  int64_t count, float* panel) {
  int64_t base[kPanel][3];
  for (int64_t j = 0; j < count; ++j) {
    const int64_t o = first + j;
    const int64_t position[3] = {o / (g.out[1] * g.out[2]), o / g.out[2] % g.out[1], o % g.out[2]};
    for (int axis = 0; axis < 3; ++axis)
      base[j][axis] = position[axis] * g.stride[axis] - g.before[axis];
  }
  int64_t kx = k0 % g.kernel[2], ky = k0 / g.kernel[2] % g.kernel[1],
          kz = k0 / (g.kernel[1] * g.kernel[2]) % g.kernel[0];
  const float* plane = image + k0 / g.kernel_size() * g.in_size();
  for (float* row = panel; row < panel + depth * kPanel; row += kPanel) {
    for (int64_t j = 0; j < count; ++j) {
      const int64_t z = base[j][0] + kz * g.dilation[0], y = base[j][1] + ky * g.dilation[1],
                    x = base[j][2] + kx * g.dilation[2];
      const bool inside = z >= 0 && z < g.in[0] && y >= 0 && y < g.in[1] && x >= 0 && x < g.in[2];
      row[j] = inside ? plane[(z * g.in[1] + y) * g.in[2] + x] : 0.0f;
    }
    for (int64_t j = count; j < kPanel; ++j) row[j] = 0;
    if (++kx < g.kernel[2]) continue;
    kx = 0;
    if (++ky < g.kernel[1]) continue;
    ky = 0;
    if (++kz < g.kernel[0]) continue;
    kz = 0;
    plane += g.in_size();
  }
}

// Does a window of any output leave the image?
bool has_padding(const Geometry& g) {
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t last = (g.out[axis] - 1) * g.stride[axis] - g.before[axis];
    if (g.before[axis] > 0 || last + (g.kernel[axis] - 1) * g.dilation[axis] >= g.in[axis])
      return true;
  }
  return false;
}

// One filter [channels, kernel] at one output; what lies outside of the image takes no part.
float window_sum(const Geometry& g, const float* image, const float* w, int64_t channels,
                 int64_t o) {
  const int64_t at[3] = {o / (g.out[1] * g.out[2]), o / g.out[2] % g.out[1], o % g.out[2]};
  int64_t from[3];
  for (int axis = 0; axis < 3; ++axis) from[axis] = at[axis] * g.stride[axis] - g.before[axis];
  float sum = 0;
  for (int64_t c = 0; c < channels; ++c, image += g.in_size())
    for (int64_t kz = 0; kz < g.kernel[0]; ++kz)
      for (int64_t ky = 0; ky < g.kernel[1]; ++ky)
        for (int64_t kx = 0; kx < g.kernel[2]; ++kx, ++w) {
          const int64_t z = from[0] + kz * g.dilation[0], y = from[1] + ky * g.dilation[1],
                        x = from[2] + kx * g.dilation[2];
          if (z < 0 || z >= g.in[0] || y < 0 || y >= g.in[1] || x < 0 || x >= g.in[2]) continue;
          sum += *w * image[(z * g.in[1] + y) * g.in[2] + x];
        }
  return sum;
}

bool leaves_image(const Geometry& g, int64_t o) {
  const int64_t at[3] = {o / (g.out[1] * g.out[2]), o / g.out[2] % g.out[1], o % g.out[2]};
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t from = at[axis] * g.stride[axis] - g.before[axis];
    if (from < 0 || from + (g.kernel[axis] - 1) * g.dilation[axis] >= g.in[axis]) return true;
  }
  return false;
}

// Zeros outside of the image give NaN with a weight that is not finite. Computes `rows` filters at
// the outputs [first, first + count) again where they are NaN and their window leaves the image.
void repair(const Geometry& g, const float* image, const float* w, int64_t channels, int64_t rows,
            int64_t first, int64_t count, float* y) {
  const int64_t k = channels * g.kernel_size(), size = g.out_size();
  for (int64_t j = 0; j < count; ++j) {
    if (!leaves_image(g, first + j)) continue;
    for (int64_t f = 0; f < rows; ++f)
      if (float& result = y[f * size + j]; std::isnan(result))
        result = window_sum(g, image, w + f * k, channels, first + j);
  }
}

void add_bias(const float* bias, int64_t filters, int64_t size, float* out) {
  for (int64_t f = 0; f < filters; ++f)
    for (int64_t i = 0; i < size; ++i) out[f * size + i] += bias[f];
}

// One filter over one plane.
void depthwise_plane(const Geometry& g, const float* plane, const float* w, float bias,
                     float* out) {
  for (int64_t oz = 0; oz < g.out[0]; ++oz)
    for (int64_t oy = 0; oy < g.out[1]; ++oy) {
      float* row = out + (oz * g.out[1] + oy) * g.out[2];
      std::fill_n(row, g.out[2], bias);
      for (int64_t kz = 0; kz < g.kernel[0]; ++kz) {
        const int64_t z = oz * g.stride[0] - g.before[0] + kz * g.dilation[0];
        if (z < 0 || z >= g.in[0]) continue;
        for (int64_t ky = 0; ky < g.kernel[1]; ++ky) {
          const int64_t y = oy * g.stride[1] - g.before[1] + ky * g.dilation[1];
          if (y < 0 || y >= g.in[1]) continue;
          for (int64_t kx = 0; kx < g.kernel[2]; ++kx) {
            const int64_t shift = kx * g.dilation[2] - g.before[2];
            const float weight = w[(kz * g.kernel[1] + ky) * g.kernel[2] + kx];
            const float* in = plane + (z * g.in[1] + y) * g.in[2];
            const int64_t begin = shift >= 0 ? 0 : (-shift + g.stride[2] - 1) / g.stride[2];
            for (int64_t ox = begin; ox < g.out[2]; ++ox) {
              const int64_t x = ox * g.stride[2] + shift;
              if (x >= g.in[2]) break;
              row[ox] += weight * in[x];
            }
          }
        }
      }
    }
}

Status run_depthwise(const Geometry& g, const float* x, const float* w, const float* bias, float* y,
                     ThreadPool& pool) {
  const int64_t per_channel = g.filters / g.channels;
  const int64_t cost = std::max<int64_t>(1, g.out_size() * g.kernel_size());
  pool.parallel_for(
      g.batch * g.filters, std::max<int64_t>(1, kGrain / cost), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t n = i / g.filters, f = i % g.filters;
          depthwise_plane(g, x + (n * g.channels + f / per_channel) * g.in_size(),
                          w + f * g.kernel_size(), bias ? bias[f] : 0.0f, y + i * g.out_size());
        }
      });
  return ok();
}

Status run(Call& c, ThreadPool& pool) {
  const Tensor &x = c.in(0), &w = c.in(1);
  const Convolution conv = TRY(make_convolution(c, 0, 1, 2));
  if (conv.windows.empty() || conv.windows.size() > 3) return not_accepted(c);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Geometry g = geometry(x, w, conv);
  const float *px = x.as<float>().data(), *pw = w.as<float>().data();
  const float* bias = c.has(2) ? c.in(2).as<float>().data() : nullptr;
  float* py = y.as<float>().data();
  const int64_t channels = g.channels / g.group, filters = g.filters / g.group;
  if (channels == 1) return run_depthwise(g, px, pw, bias, py, pool);

  const int64_t k = channels * g.kernel_size(), size = g.out_size();
  const int64_t panels = (size + kPanel - 1) / kPanel;
  const bool padding = has_padding(g);
  const bool pointwise = g.kernel_size() == 1 && size == g.in_size() && g.stride[0] == 1 &&
                         g.stride[1] == 1 && g.stride[2] == 1 && g.before[0] == 0 &&
                         g.before[1] == 0 && g.before[2] == 0;
  // Few positions and many filters: share out blocks of filters too.
  const int64_t wanted = 2 * int64_t(pool.size());
  const int64_t tasks = g.batch * g.group * panels;
  const int64_t blocks =
      tasks >= wanted ? 1 : std::clamp<int64_t>((wanted + tasks - 1) / tasks, 1, (filters + 5) / 6);
  const int64_t block = (filters + blocks - 1) / blocks;
  pool.parallel_for(tasks * blocks, 1, [&](int64_t begin, int64_t end) {
    kernels::Panel panel;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t cell = task / blocks, part = task % blocks;
      const int64_t at = cell % panels, group = cell / panels % g.group,
                    n = cell / panels / g.group;
      const int64_t first = at * kPanel, count = std::min(kPanel, size - first);
      const int64_t f0 = part * block, rows = std::min(block, filters - f0);
      const float* image = px + (n * g.channels + group * channels) * g.in_size();
      const float* weights = pw + (group * filters + f0) * k;
      float* to = py + (n * g.filters + group * filters + f0) * size + first;
      for (int64_t k0 = 0; k0 < k || k0 == 0; k0 += kPanelDepth) {
        const int64_t depth = std::min(kPanelDepth, k - k0);
        if (pointwise)
          kernels::pack_panel(image + k0 * size + first, size, 1, depth, count, panel.rows);
        else
          gather_panel(g, image, k0, depth, first, count, panel.rows);
        kernels::multiply_panel(weights + k0, k, 1, rows, depth, panel.rows, to, size, count,
                                k0 > 0);
      }
      if (padding && kernels::has_nan(to, size, rows, count))
        repair(g, image, weights, channels, rows, first, count, to);
    }
  });
  if (bias)
    pool.parallel_for(g.batch, 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n)
        add_bias(bias, g.filters, size, py + n * g.filters * size);
    });
  return ok();
}

Support accepts(const Graph& graph, const Node& node) {
  const Shape& x = graph[node.inputs[0]].type.tensor.shape;
  if (!x.ranked || x.rank() < 3 || x.rank() > 5) return no("only one to three spatial axes");
  return f32_only(graph, node);
}

}  // namespace

const CpuKernel conv_kernel{"conv", accepts, run};

}  // namespace hone::cpu
