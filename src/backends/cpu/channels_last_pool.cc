// Pooling of tensors whose channels are the last axis.
#include <algorithm>
#include <vector>

#include "backends/cpu/channels_last_lines.h"

namespace hone::cpu {
namespace {

Status run_channels_last_max_pool(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Geometry g = TRY(geometry_of(c, c.integer("ceil_mode") != 0));
  float* result = y.as<float>().data();
  each_line(g, c.in(0).as<float>().data(), nullptr, pool,
            [&](const kernels::WindowLine& line, const OutputLine& output,
                const kernels::WindowPart& part) {
              kernels::window_kernels().maximum(line, output.inputs, output.count, part,
                                                result + output.number * g.out[2] * g.channels);
            });
  return ok();
}

// Positions of windows that count, along each axis: those in the image, or also in its padding.
Result<std::vector<float>> counted_positions(const Call& c, const Geometry& g, int axis) {
  int64_t after = 0;
  if (c.integer("count_include_pad") != 0) {
    const Extents& x = c.in(0).shape();
    const std::vector<Dim> in(x.begin() + 1, x.end() - 1);
    const Windows windows = TRY(make_windows(c, in, {}, c.integer("ceil_mode") != 0));
    const int64_t own = int64_t(windows.size()) - 3 + axis;
    if (own >= 0) after = windows[size_t(own)].after;
  }
  const bool padding = c.integer("count_include_pad") != 0;
  std::vector<float> counts;
  for (int64_t o = 0; o < g.out[axis]; ++o) {
    const int64_t start = o * g.stride[axis] - g.before[axis], d = g.dilation[axis];
    const int64_t room = g.in[axis] + after - start;
    const int64_t end = room <= 0 ? 0 : std::min(g.kernel[axis], (room - 1) / d + 1);
    const int64_t first = padding || start >= 0 ? 0 : (d - 1 - start) / d;
    counts.push_back(float(std::max<int64_t>(0, end - first)));
  }
  return counts;
}

Status run_channels_last_average_pool(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Geometry g = TRY(geometry_of(c, c.integer("ceil_mode") != 0));
  std::vector<float> counts[3];
  for (int axis = 0; axis < 3; ++axis) counts[axis] = TRY(counted_positions(c, g, axis));
  float* result = y.as<float>().data();
  each_line(g, c.in(0).as<float>().data(), nullptr, pool,
            [&](const kernels::WindowLine& line, const OutputLine& output,
                const kernels::WindowPart& part) {
              kernels::window_kernels().mean(
                  line, output.inputs, output.count, part,
                  counts[0][size_t(output.z)] * counts[1][size_t(output.y)], counts[2].data(),
                  result + output.number * g.out[2] * g.channels);
            });
  return ok();
}

}  // namespace

const CpuKernel channels_last_max_pool_kernel{"channels_last_max_pool", accepts_channels_last,
                                              run_channels_last_max_pool};
const CpuKernel channels_last_average_pool_kernel{
    "channels_last_average_pool", accepts_channels_last, run_channels_last_average_pool};

}  // namespace hone::cpu
