// Convolutions of tensors whose channels are the last axis.
#include <algorithm>
#include <vector>

#include "backends/cpu/channels_last_geometry.h"
#include "backends/cpu/epilogue.h"
#include "backends/cpu/products.h"
#include "backends/cpu/winograd.h"
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

  void gather(int64_t row, int64_t rows, int64_t from, int64_t depth,
              kernels::Gathered to) const override {
    // Results of one line at a time: a piece of one lies a stride behind that of the one before.
    for (int64_t r = 0; r < rows;) {
      const int64_t x = (row + r) % g_.out[2], count = std::min(rows - r, g_.out[2] - x);
      gather_line((row + r) / g_.out[2], x, count, {from, depth}, to.from(r, 0));
      r += count;
    }
  }

 private:
  struct Piece {
    int64_t z, y, x;  // within the window, in pixels of the image
  };
  struct Range {
    int64_t from, count;  // in floats
  };

  // Results [x, x + count) of a line of the output.
  void gather_line(int64_t line, int64_t x, int64_t count, Range range,
                   kernels::Gathered to) const {
    const int64_t z = line / g_.out[1] % g_.out[0] * g_.stride[0] - g_.before[0];
    const int64_t y = line % g_.out[1] * g_.stride[1] - g_.before[1];
    const int64_t image = line / (g_.out[0] * g_.out[1]);
    size_t piece = size_t(range.from / length_);
    int64_t skipped = range.from % length_;
    for (int64_t done = 0; done < range.count; ++piece, skipped = 0) {
      const Range part{skipped, std::min(length_ - skipped, range.count - done)};
      const Piece& p = pieces_[piece];
      const int64_t at_z = z + p.z, at_y = y + p.y;
      const bool inside = at_z >= 0 && at_z < g_.in[0] && at_y >= 0 && at_y < g_.in[1];
      const int64_t pixels = ((image * g_.in[0] + at_z) * g_.in[1] + at_y) * g_.in[2];
      gather_piece(inside ? x_ + pixels * g_.channels : nullptr,
                   x * g_.stride[2] - g_.before[2] + p.x, count, part, to.from(0, done));
      done += part.count;
    }
  }

  // A part of a piece for `count` results; it begins at pixel x of an image's line for the first of
  // them. Zeros outside of the image.
  void gather_piece(const float* line, int64_t x, int64_t count, Range part,
                    kernels::Gathered to) const {
    const auto outside = [&](int64_t r) {
      return !line || x + r * g_.stride[2] < 0 ||
             (x + r * g_.stride[2]) * g_.channels + part.from + part.count > g_.in[2] * g_.channels;
    };
    int64_t first = 0, last = count;
    while (first < last && outside(first)) ++first;
    while (last > first && outside(last - 1)) --last;
    if (first < last)
      copy_inside(line + (x + first * g_.stride[2]) * g_.channels + part.from, last - first,
                  part.count, to.from(first, 0));
    const auto clip = [&](int64_t r) {
      copy_clipped(line, x + r * g_.stride[2], part, to.from(r, 0));
    };
    for (int64_t r = 0; r < first; ++r) clip(r);
    for (int64_t r = last; r < count; ++r) clip(r);
  }

  void copy_inside(const float* from, int64_t rows, int64_t floats, kernels::Gathered to) const {
    const int64_t between = g_.stride[2] * g_.channels;
    const kernels::GemmKernel& kernel = kernels::gemm_kernel();
    if (to.packed)
      kernel.pack(from, between, rows, floats, to.to, to.step);
    else
      kernel.copy(from, between, to.to, to.step, rows, floats);
  }

  void copy_clipped(const float* line, int64_t x, Range part, kernels::Gathered to) const {
    // A group's piece is of one pixel: it is inside or outside as a whole.
    const int64_t begin = x * g_.channels + part.from, end = begin + part.count;
    const int64_t first = line ? std::clamp<int64_t>(0, begin, end) : end;
    const int64_t last = std::clamp(g_.in[2] * g_.channels, first, end);
    for (int64_t i = begin; i < end; ++i)
      *to.at(0, i - begin) = i >= first && i < last ? line[i] : 0.0f;
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
  if (c.text("algorithm") == "winograd" && g.channels > 0) return run_winograd(c, g, pool);
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
