// Convolutions of tensors whose channels are the last axis.
#include <algorithm>
#include <vector>

#include "backends/cpu/channels_last_geometry.h"
#include "backends/cpu/epilogue.h"
#include "backends/cpu/products.h"
#include "kernels/gemm/gemm.h"

namespace hone::cpu {
namespace {

// A convolution as a product: a row for each result's pixel, made of what its window covers.
class WindowRows final : public kernels::RowSource {
 public:
  // Of one group: `depth` channels of each pixel, from x on.
  WindowRows(const Geometry& g, const float* x, int64_t depth) : g_(g), x_(x) {
    // Where a line of the kernel covers neighbouring pixels, it is one piece of memory.
    const bool lines = depth == g.channels && g.dilation[2] == 1;
    const int64_t columns = lines ? 1 : g.kernel[2];
    length_ = depth * (g.kernel[2] / columns);
    for (int64_t z = 0; z < g.kernel[0]; ++z)
      for (int64_t y = 0; y < g.kernel[1]; ++y)
        for (int64_t x0 = 0; x0 < columns; ++x0)
          pieces_.push_back({z * g.dilation[0], y * g.dilation[1], x0 * g.dilation[2]});
  }

  void gather(int64_t row, int64_t rows, int64_t from, int64_t depth, float* to,
              int64_t step) const override {
    Place out{row / g_.out_size(), row / (g_.out[1] * g_.out[2]) % g_.out[0],
              row / g_.out[2] % g_.out[1], row % g_.out[2]};
    for (int64_t r = 0; r < rows; ++r, to += step, next(out)) {
      size_t piece = size_t(from / length_);
      int64_t skipped = from % length_;
      for (int64_t done = 0; done < depth; ++piece, skipped = 0) {
        const int64_t count = std::min(length_ - skipped, depth - done);
        copy(out, pieces_[piece], skipped, count, to + done);
        done += count;
      }
    }
  }

 private:
  struct Piece {
    int64_t z, y, x;  // within the window, in pixels of the image
  };
  struct Place {
    int64_t image, z, y, x;  // of a result
  };

  void next(Place& p) const {
    if (++p.x < g_.out[2]) return;
    p.x = 0;
    if (++p.y < g_.out[1]) return;
    p.y = 0;
    if (++p.z < g_.out[0]) return;
    p.z = 0;
    ++p.image;
  }

  // Floats [skipped, skipped + count) of a piece; zeros outside of the image.
  void copy(const Place& out, const Piece& piece, int64_t skipped, int64_t count, float* to) const {
    const int64_t z = out.z * g_.stride[0] - g_.before[0] + piece.z;
    const int64_t y = out.y * g_.stride[1] - g_.before[1] + piece.y;
    const int64_t x = out.x * g_.stride[2] - g_.before[2] + piece.x;
    if (z < 0 || z >= g_.in[0] || y < 0 || y >= g_.in[1]) {
      std::fill_n(to, count, 0.0f);
      return;
    }
    const float* line = x_ + ((out.image * g_.in[0] + z) * g_.in[1] + y) * g_.in[2] * g_.channels;
    const int64_t begin = x * g_.channels + skipped, end = begin + count;
    // A group's piece is of one pixel: it is inside or outside as a whole.
    const int64_t first = std::clamp<int64_t>(0, begin, end);
    const int64_t last = std::clamp(g_.in[2] * g_.channels, first, end);
    std::fill_n(to, first - begin, 0.0f);
    std::copy_n(line + first, last - first, to + (first - begin));
    std::fill_n(to + (last - begin), end - last, 0.0f);
  }

  const Geometry& g_;
  const float* x_;
  int64_t length_;  // of a piece, in floats
  std::vector<Piece> pieces_;
};

// Windows of one pixel, one after the other: the rows are the pixels.
bool are_pixels(const Geometry& g) {
  for (int axis = 0; axis < 3; ++axis)
    if (g.kernel[axis] != 1 || g.stride[axis] != 1 || g.before[axis] != 0 ||
        g.in[axis] != g.out[axis])
      return false;
  return true;
}

Status run_channels_last_conv(Call& c, ThreadPool& pool) {
  const Extents& panels = c.in(1).shape();
  Tensor& y = *TRY(c.out(0));
  if (panels.size() != 4 || panels[3] != kernels::gemm_kernel().columns) return not_accepted(c);
  if (y.count() == 0) return ok();
  const Geometry g = TRY(geometry_of(c, false));
  const int64_t groups = c.integer("group"), filters = y.shape().back();
  const int64_t depth = g.channels / groups, columns = filters / groups;
  const kernels::Epilogue epilogue = epilogue_of(c, filters);
  std::vector<WindowRows> sources;
  sources.reserve(size_t(groups));
  std::vector<kernels::Product> products;
  for (int64_t group = 0; group < groups; ++group) {
    const float* x = c.in(0).as<float>().data() + group * depth;
    kernels::Product& p = products.emplace_back();
    p.a = {x, g.channels, g.positions() * depth};
    if (!are_pixels(g)) p.a.source = &sources.emplace_back(g, x, depth);
    p.b = c.in(1).as<float>().data() + group * panels[1] * panels[2] * panels[3];
    p.c = y.as<float>().data() + group * columns;
    p.c_row = filters;
    p.m = y.count() / filters;
    p.n = columns;
    p.epilogue = epilogue;
    if (p.epilogue.bias) p.epilogue.bias += group * columns;
    if (p.epilogue.added) p.epilogue.added += group * columns;
  }
  multiply_all(products, pool);
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
