// Convolutions of bytes whose filters are computed: the filters of a group times what its windows
// cover, position by position. Into 32 bits, or quantized again.
#include <algorithm>
#include <cstring>

#include "backends/cpu/cpu.h"
#include "backends/cpu/integer_pairs.h"
#include "backends/cpu/integer_products.h"
#include "kernels/quantization/quantization.h"
#include "ops/quantization.h"
#include "ops/window.h"

namespace hone::cpu {
namespace {

// Everything as three spatial axes; missing leading ones have extent 1.
struct Axes {
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1},
          dilation[3] = {1, 1, 1}, before[3] = {0, 0, 0};
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t positions() const { return kernel[0] * kernel[1] * kernel[2]; }
};
Axes axes_of(const Windows& windows, const Extents& filters) {
  Axes axes;
  for (size_t i = 0; i < windows.size(); ++i) {
    const size_t at = 3 - windows.size() + i;
    axes.in[at] = *windows[i].in.constant();
    axes.out[at] = *windows[i].out.constant();
    axes.kernel[at] = filters[2 + i];
    axes.stride[at] = windows[i].stride;
    axes.dilation[at] = windows[i].dilation;
    axes.before[at] = windows[i].before;
  }
  return axes;
}

// What the windows of all results cover at one position of the kernel in one channel.
class Covered {
 public:
  Covered(const Axes& axes, const std::byte* channels, std::byte outside)
      : axes_(axes), channels_(channels), outside_(outside) {}

  // Rows (channel, position) [first, last), a byte for each result.
  void write(int64_t first, int64_t last, std::byte* to) const {
    for (int64_t row = first; row < last; ++row) {
      const int64_t channel = row / axes_.positions(), position = row % axes_.positions();
      const int64_t at[3] = {position / (axes_.kernel[1] * axes_.kernel[2]),
                             position / axes_.kernel[2] % axes_.kernel[1],
                             position % axes_.kernel[2]};
      const std::byte* plane = channels_ + channel * axes_.in_size();
      for (int64_t z = 0; z < axes_.out[0]; ++z)
        for (int64_t y = 0; y < axes_.out[1]; ++y, to += axes_.out[2]) {
          const int64_t from[2] = {place(0, z, at[0]), place(1, y, at[1])};
          if (from[0] < 0 || from[0] >= axes_.in[0] || from[1] < 0 || from[1] >= axes_.in[1])
            std::memset(to, int(outside_), size_t(axes_.out[2]));
          else
            write_line(plane + (from[0] * axes_.in[1] + from[1]) * axes_.in[2], at[2], to);
        }
    }
  }

 private:
  int64_t place(int axis, int64_t result, int64_t position) const {
    return result * axes_.stride[axis] - axes_.before[axis] + position * axes_.dilation[axis];
  }
  void write_line(const std::byte* line, int64_t position, std::byte* to) const {
    const int64_t first = place(2, 0, position), in = axes_.in[2];
    if (axes_.stride[2] == 1 && first >= 0 && first + axes_.out[2] <= in) {
      std::memcpy(to, line + first, size_t(axes_.out[2]));
      return;
    }
    for (int64_t x = 0, from = first; x < axes_.out[2]; ++x, from += axes_.stride[2])
      to[x] = from >= 0 && from < in ? line[from] : outside_;
  }

  const Axes& axes_;
  const std::byte* channels_;
  std::byte outside_;
};

// Which inputs are the operands, their zero points and the bias.
struct Operands {
  size_t x, x_zero, filters, filter_zero, bias;
};

// sums(image, group) is where the sums [filters of a group, results] go; finish(filter, block,
// sums) gets those of each filter, with the number of its block of results.
template <class Sums, class Finish>
Status convolve_all(Call& c, const Operands& in, ThreadPool& pool, Sums sums_of, Finish finish) {
  const Convolution conv = TRY(make_convolution(c, in.x, in.filters, in.bias));
  const Tensor &x = c.in(in.x), &w = c.in(in.filters);
  const Axes axes = axes_of(conv.windows, w.shape());
  const TurnedBytes filters = turned_bytes(c, pool, in.filters);
  const int64_t group = conv.group, m = w.shape()[0] / group;
  const int64_t channels = x.shape()[1] / group, k = channels * axes.positions();
  const bool each_zero = c.has(in.filter_zero) && c.in(in.filter_zero).count() > 1;
  const auto run = [&](int64_t i) {
    const int64_t first = i % group * m;  // filter
    BytePair p;
    p.a = filters.bytes + first * k;
    p.a_signed = w.dtype() == DType::i8;
    p.b_signed = x.dtype() == DType::i8;
    const std::byte outside = c.has(in.x_zero) ? c.in(in.x_zero).data()[0] : std::byte{0};
    const Covered covered(axes, x.data() + i * channels * axes.in_size(), outside);
    p.rows = [&](int64_t begin, int64_t end, std::byte* to) { covered.write(begin, end, to); };
    p.m = m, p.k = k, p.n = axes.out_size();
    if (c.has(in.filter_zero))
      p.row_zeros = {&c.in(in.filter_zero), each_zero ? first : 0, each_zero};
    if (c.has(in.x_zero)) p.column_zeros = {&c.in(in.x_zero), 0, 0};
    if (c.has(in.bias)) p.added = c.in(in.bias).template as<int32_t>().data() + first;
    multiply_pair(p, sums_of(i), c, pool, finish(i, first));
  };
  each_product(x.shape()[0] * group, k, axes.out_size(), pool, run);
  return ok();
}

using Finish = std::function<void(int64_t, const int32_t*)>;

Status run_integers(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  int32_t* sums = y.as<int32_t>().data();
  const int64_t block = y.count() / (y.shape()[0] * c.integer("group"));
  return convolve_all(
      c, {0, 2, 1, 3, c.inputs()}, pool, [&](int64_t i) { return sums + i * block; },
      [](int64_t, int64_t) { return Finish(); });
}

enum Input : size_t { kX, kXScale, kXZero, kW, kWScale, kWZero, kYScale, kYZero, kBias };

Status run_requantized(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const auto sums = c.scratch<int32_t>(y.count());
  const int64_t block = y.count() / (y.shape()[0] * c.integer("group"));
  const int64_t results = y.count() / (y.shape()[0] * y.shape()[1]);
  const auto scales = c.in(kWScale).as<float>();
  const float x_scale = c.in(kXScale).as<float>()[0], y_scale = c.in(kYScale).as<float>()[0];
  const auto zero = int32_t(load_integer(c.in(kYZero), 0));
  const IntegerRange whole = range_of(y.dtype());
  const kernels::ByteRange range{int32_t(whole.least), int32_t(whole.most)};
  auto* bytes = reinterpret_cast<uint8_t*>(y.mutable_data());
  const auto finish = [&](int64_t i, int64_t filter) {
    return Finish([&, i, filter](int64_t row, const int32_t* of_row) {
      const float product = x_scale * scales[scales.size() == 1 ? 0 : size_t(filter + row)];
      const float factor = product / y_scale;
      kernels::quantization_kernels().requantize(of_row, results, &factor, 0, zero, range,
                                                 bytes + i * block + row * results);
    });
  };
  return convolve_all(
      c, {kX, kXZero, kW, kWZero, kBias}, pool, [&](int64_t i) { return sums.data() + i * block; },
      finish);
}

Support accepts_spatial(const Graph& graph, const Node& node, size_t filters) {
  const Shape& x = graph[node.inputs[0]].type.tensor.shape;
  const Shape& w = graph[node.inputs[filters]].type.tensor.shape;
  const Shape& known = x.ranked ? x : w;
  if (!known.ranked || known.rank() < 3 || known.rank() > 5)
    return no("only one to three spatial axes");
  return yes();
}

}  // namespace

const CpuKernel conv_integer_kernel{
    "conv_integer", [](const Graph& g, const Node& n) { return accepts_spatial(g, n, 1); },
    run_integers};
const CpuKernel qlinear_conv_kernel{
    "qlinear_conv", [](const Graph& g, const Node& n) { return accepts_spatial(g, n, kW); },
    run_requantized};

}  // namespace hone::cpu
