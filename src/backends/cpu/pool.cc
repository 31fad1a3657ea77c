// Pooling over one or two spatial axes, and the mean over all of them.
#include <algorithm>
#include <limits>

#include "backends/cpu/cpu.h"
#include "ops/quantization.h"
#include "ops/window.h"

namespace hone::cpu {
namespace {

// The inputs [first, last) along one axis, a dilation apart, that an output covers.
struct Span {
  int64_t first, last;
};

// One axis with its sizes as numbers.
struct Axis {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;

  int64_t start(int64_t o) const { return o * stride - before; }
  Span span(int64_t o) const {
    const int64_t from = start(o), end = from + (kernel - 1) * dilation + 1;
    const int64_t first = from >= 0 ? from : from + (-from + dilation - 1) / dilation * dilation;
    return {first, std::min(end, in)};
  }
  // Positions of the window inside the padded input.
  int64_t counted(int64_t o) const {
    const int64_t room = in + after - start(o);
    return room <= 0 ? 0 : std::min(kernel, (room - 1) / dilation + 1);
  }
};
Axis axis_of(const Window& w) {
  return {*w.in.constant(), *w.out.constant(), w.kernel, w.stride, w.dilation, w.before, w.after};
}

struct Plane {
  Axis y, x;
};

Result<Plane> plane_of(const Call& c) {
  const Shape& in = c.shape(0);
  const Windows windows =
      TRY(make_windows(c, std::span(in.dims).subspan(2), {}, c.integer("ceil_mode") != 0));
  if (windows.empty() || windows.size() > 2) return not_accepted(c);
  Plane p;
  p.x = axis_of(windows.back());
  if (windows.size() == 2) p.y = axis_of(windows[0]);
  return p;
}

// `window` gives one output: of this position, from a plane, over these spans.
template <class T, class F>
Status each_plane(Call& c, ThreadPool& pool, F window) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Plane p = TRY(plane_of(c));
  const T* px = reinterpret_cast<const T*>(x.data());
  T* py = reinterpret_cast<T*>(y.mutable_data());
  const int64_t in_size = p.y.in * p.x.in, out_size = p.y.out * p.x.out;
  pool.parallel_for(y.count() / out_size, std::max<int64_t>(1, kGrain / 4 / out_size),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        const T* in = px + i * in_size;
                        T* out = py + i * out_size;
                        for (int64_t oy = 0; oy < p.y.out; ++oy) {
                          const Span sy = p.y.span(oy);
                          for (int64_t ox = 0; ox < p.x.out; ++ox)
                            *out++ = window(p, in, oy, ox, sy, p.x.span(ox));
                        }
                      }
                    });
  return ok();
}

template <class T>
T window_max(const Plane& p, const T* in, int64_t, int64_t, const Span& sy, const Span& sx) {
  T top = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                               : std::numeric_limits<T>::lowest();
  for (int64_t y = sy.first; y < sy.last; y += p.y.dilation)
    for (int64_t x = sx.first; x < sx.last; x += p.x.dilation) {
      const T v = in[y * p.x.in + x];
      if (v > top || v != v) top = v;  // NOLINT: NaN is what differs from itself
    }
  return top;
}

Status run_max(Call& c, ThreadPool& pool) {
  switch (c.dtype(0)) {
    case DType::u8: return each_plane<uint8_t>(c, pool, window_max<uint8_t>);
    case DType::i8: return each_plane<int8_t>(c, pool, window_max<int8_t>);
    default: return each_plane<float>(c, pool, window_max<float>);
  }
}

Support accepts_spatial(const Graph& graph, const Node& node) {
  const Shape& x = graph[node.inputs[0]].type.tensor.shape;
  if (!x.ranked || x.rank() < 3 || x.rank() > 4) return no("only one or two spatial axes");
  if (node.outputs.size() != 1) return no("only without indices");
  return yes();
}
Support accepts_pool(const Graph& graph, const Node& node) {
  const Support spatial = accepts_spatial(graph, node);
  return spatial.yes ? f32_only(graph, node) : spatial;
}
Support accepts_max(const Graph& graph, const Node& node) {
  if (kQuantizedBytes.has(graph[node.inputs[0]].type.tensor.dtype))
    return accepts_spatial(graph, node);
  return accepts_pool(graph, node);
}

Status run_average(Call& c, ThreadPool& pool) {
  const bool padding = c.integer("count_include_pad") != 0;
  return each_plane<float>(
      c, pool,
      [=](const Plane& p, const float* in, int64_t oy, int64_t ox, const Span& sy, const Span& sx) {
        double sum = 0;
        int64_t seen = 0;
        for (int64_t y = sy.first; y < sy.last; y += p.y.dilation)
          for (int64_t x = sx.first; x < sx.last; x += p.x.dilation, ++seen)
            sum += in[y * p.x.in + x];
        return float(sum /
                     (padding ? double(p.y.counted(oy)) * double(p.x.counted(ox)) : double(seen)));
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

const CpuKernel max_pool_kernel{"max_pool", accepts_max, run_max};
const CpuKernel average_pool_kernel{"average_pool", accepts_pool, run_average};
const CpuKernel global_average_pool_kernel{"global_average_pool", f32_only, run_global_average};

}  // namespace hone::cpu
