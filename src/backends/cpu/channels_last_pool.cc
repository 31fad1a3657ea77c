// Pooling of tensors whose channels are the last axis.
#include <algorithm>
#include <vector>

#include "backends/cpu/channels_last_geometry.h"
#include "kernels/windows/windows.h"

namespace hone::cpu {
namespace {

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

}  // namespace

const CpuKernel channels_last_max_pool_kernel{"channels_last_max_pool", accepts_channels_last,
                                              run_channels_last_max_pool};
const CpuKernel channels_last_average_pool_kernel{
    "channels_last_average_pool", accepts_channels_last, run_channels_last_average_pool};

}  // namespace hone::cpu
