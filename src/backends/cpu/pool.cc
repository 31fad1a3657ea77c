// Pooling over one or two spatial axes, and the mean over all of them.
#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/cpu/cpu.h"
#include "ops/window.h"

namespace hone::cpu {
namespace {

// One axis: the inputs [first, last) with a step that each output covers, and the padded count.
struct Span {
  int64_t first, last, counted;
};
std::vector<Span> spans(const Window& w) {
  std::vector<Span> out;
  const int64_t in = *w.in.constant();
  for (int64_t o = 0; o < *w.out.constant(); ++o) {
    const int64_t start = o * w.stride - w.before;
    int64_t first = start;
    while (first < 0) first += w.dilation;
    const int64_t end = start + (w.kernel - 1) * w.dilation + 1;
    int64_t counted = 0;  // positions inside the padded input
    for (int64_t k = 0; k < w.kernel; ++k) counted += start + k * w.dilation < in + w.after;
    out.push_back({first, std::min(end, in), counted});
  }
  return out;
}

struct Plane {
  std::vector<Span> y, x;
  int64_t dy = 1, dx = 1, width = 1, in_size = 0, out_size = 0;
};

Result<Plane> plane_of(const Call& c) {
  const Shape& in = c.shape(0);
  const Windows windows =
      TRY(make_windows(c, std::span(in.dims).subspan(2), {}, c.integer("ceil_mode") != 0));
  Plane p;
  p.x = spans(windows.back());
  p.dx = windows.back().dilation;
  p.width = *windows.back().in.constant();
  p.y = windows.size() == 2 ? spans(windows[0]) : std::vector<Span>{{0, 1, 1}};
  p.dy = windows.size() == 2 ? windows[0].dilation : 1;
  p.in_size = p.width * (windows.size() == 2 ? *windows[0].in.constant() : 1);
  p.out_size = int64_t(p.y.size() * p.x.size());
  return p;
}

template <class F>
Status each_plane(Call& c, ThreadPool& pool, F window) {
  const Plane p = TRY(plane_of(c));
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const float* px = x.as<float>().data();
  float* py = y.as<float>().data();
  pool.parallel_for(y.count() / p.out_size, std::max<int64_t>(1, kGrain / 4 / p.out_size),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        const float* in = px + i * p.in_size;
                        float* out = py + i * p.out_size;
                        for (const Span& sy : p.y)
                          for (const Span& sx : p.x) *out++ = window(p, in, sy, sx);
                      }
                    });
  return ok();
}

float window_max(const Plane& p, const float* in, const Span& sy, const Span& sx) {
  float top = -INFINITY;
  for (int64_t y = sy.first; y < sy.last; y += p.dy)
    for (int64_t x = sx.first; x < sx.last; x += p.dx) {
      const float v = in[y * p.width + x];
      if (v > top || std::isnan(v)) top = v;
    }
  return top;
}

Support accepts_pool(const Graph& graph, const Node& node) {
  const Shape& x = graph[node.inputs[0]].type.tensor.shape;
  if (!x.ranked || x.rank() < 3 || x.rank() > 4) return no("only one or two spatial axes");
  if (node.outputs.size() != 1) return no("only without indices");
  return f32_only(graph, node);
}

Status run_average(Call& c, ThreadPool& pool) {
  const bool padding = c.integer("count_include_pad") != 0;
  return each_plane(c, pool, [=](const Plane& p, const float* in, const Span& sy, const Span& sx) {
    double sum = 0;
    int64_t seen = 0;
    for (int64_t y = sy.first; y < sy.last; y += p.dy)
      for (int64_t x = sx.first; x < sx.last; x += p.dx, ++seen) sum += in[y * p.width + x];
    return float(sum / double(padding ? sy.counted * sx.counted : seen));
  });
}

Status run_global_average(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const int64_t n = y.count() == 0 ? 0 : x.count() / y.count();
  const float* px = x.as<float>().data();
  float* py = y.as<float>().data();
  pool.parallel_for(y.count(), std::max<int64_t>(1, kGrain / std::max<int64_t>(1, n)),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        double sum = 0;
                        for (int64_t k = 0; k < n; ++k) sum += px[i * n + k];
                        py[i] = float(sum / double(n));
                      }
                    });
  return ok();
}

}  // namespace

const CpuKernel max_pool_kernel{"max_pool", accepts_pool, [](Call& c, ThreadPool& pool) {
                                  return each_plane(c, pool, window_max);
                                }};
const CpuKernel average_pool_kernel{"average_pool", accepts_pool, run_average};
const CpuKernel global_average_pool_kernel{"global_average_pool", f32_only, run_global_average};

}  // namespace hone::cpu
