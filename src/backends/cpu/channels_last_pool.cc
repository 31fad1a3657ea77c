// Pooling of tensors whose channels are the last axis.
#include <algorithm>
#include <vector>

#include "backends/cpu/channels_last_lines.h"
#include "kernels/quantization/quantization.h"
#include "ops/quantization.h"

namespace hone::cpu {
namespace {

// The pixels of an image of bytes that lie under the window of result `o`.
class Covered {
 public:
  Covered(const Geometry& g, const uint8_t* image) : g_(g), image_(image) {}
  void list(int64_t o, std::vector<const uint8_t*>& pixels) const {
    pixels.clear();
    const int64_t at[3] = {o / (g_.out[1] * g_.out[2]), o / g_.out[2] % g_.out[1], o % g_.out[2]};
    for (int64_t kz = 0; kz < g_.kernel[0]; ++kz)
      for (int64_t ky = 0; ky < g_.kernel[1]; ++ky) {
        const int64_t z = place(0, at[0], kz), y = place(1, at[1], ky);
        if (z < 0 || z >= g_.in[0] || y < 0 || y >= g_.in[1]) continue;
        const uint8_t* line = image_ + (z * g_.in[1] + y) * g_.in[2] * g_.channels;
        for (int64_t kx = 0; kx < g_.kernel[2]; ++kx) {
          const int64_t x = place(2, at[2], kx);
          if (x >= 0 && x < g_.in[2]) pixels.push_back(line + x * g_.channels);
        }
      }
  }

 private:
  int64_t place(int axis, int64_t o, int64_t k) const {
    return o * g_.stride[axis] - g_.before[axis] + k * g_.dilation[axis];
  }
  const Geometry& g_;
  const uint8_t* image_;
};

Status run_max_of_bytes(const Call& c, const Geometry& g, Tensor& y, ThreadPool& pool) {
  const auto* x = reinterpret_cast<const uint8_t*>(c.in(0).data());
  auto* result = reinterpret_cast<uint8_t*>(y.mutable_data());
  const bool is_signed = y.dtype() == DType::i8;
  const auto lowest = int(range_of(y.dtype()).least);
  const int64_t work = g.positions() * g.channels;
  pool.parallel_for(g.images * g.out_size(), 1 + kGrain / work, [&](int64_t begin, int64_t end) {
    std::vector<const uint8_t*> pixels;
    pixels.reserve(size_t(g.positions()));
    for (int64_t i = begin; i < end; ++i) {
      const Covered covered(g, x + i / g.out_size() * g.in_size() * g.channels);
      covered.list(i % g.out_size(), pixels);
      uint8_t* to = result + i * g.channels;
      if (pixels.empty())  // padding alone
        std::fill_n(to, g.channels, uint8_t(lowest));
      else
        kernels::quantization_kernels().maximum(pixels.data(), int64_t(pixels.size()), g.channels,
                                                is_signed, to);
    }
  });
  return ok();
}

Status run_channels_last_max_pool(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Geometry g = TRY(geometry_of(c, c.integer("ceil_mode") != 0));
  if (y.dtype() != DType::f32) return run_max_of_bytes(c, g, y, pool);
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

Support accepts_max(const Graph& graph, const Node& node) {
  if (kQuantizedBytes.has(graph[node.inputs[0]].type.tensor.dtype))
    return accepts_spatial(graph, node);
  return accepts_channels_last(graph, node);
}

}  // namespace

const CpuKernel channels_last_max_pool_kernel{"channels_last_max_pool", accepts_max,
                                              run_channels_last_max_pool};
const CpuKernel channels_last_average_pool_kernel{
    "channels_last_average_pool", accepts_channels_last, run_channels_last_average_pool};

}  // namespace hone::cpu
