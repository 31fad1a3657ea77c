#include "backends/cpu/window_rows.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "backends/cpu/window_lines.h"

namespace hone::cpu {
namespace {

// Results side by side: the window of the first begins at pixel (z, y, x) of an image.
struct Line {
  int64_t image, z, y, x, count;
};

// Calls f(line, number of its first row) for rows [row, row + rows).
template <class F>
void each_line(const Geometry& g, int64_t row, int64_t rows, F f) {
  for (int64_t r = 0; r < rows;) {
    const int64_t x = (row + r) % g.out[2], line = (row + r) / g.out[2];
    const int64_t count = std::min(rows - r, g.out[2] - x);
    f(Line{line / (g.out[0] * g.out[1]), line / g.out[1] % g.out[0] * g.stride[0] - g.before[0],
           line % g.out[1] * g.stride[1] - g.before[1], x * g.stride[2] - g.before[2], count},
      r);
    r += count;
  }
}

bool is_inside(const Geometry& g, int64_t z, int64_t y) {
  return z >= 0 && z < g.in[0] && y >= 0 && y < g.in[1];
}

void fill(float* to, int64_t step, int64_t n) {
  if (step == 1)
    std::fill_n(to, n, 0.0f);
  else
    for (int64_t i = 0; i < n; ++i) to[i * step] = 0;
}

class WindowRows final : public kernels::RowSource {
 public:
  // Of one group: `depth` channels of each pixel, from x on.
  WindowRows(const Geometry& g, const float* x, int64_t depth, int64_t panels) : g_(g), x_(x) {
    // What several panels need is packed, which is read with less work.
    if (panels == 1) lines_.emplace(g, x, depth, false);
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
    // A piece of one result lies a stride behind that of the one before.
    each_line(g_, row, rows, [&](const Line& line, int64_t first) {
      gather_line(line, {from, depth}, to.from(first, 0));
    });
  }
  kernels::RowLines lines() const override {
    return lines_ ? lines_->lines() : kernels::RowLines();
  }
  void lay_out(int64_t line, int64_t count, float* to) const override {
    lines_->lay_out(line, count, to);
  }

 private:
  struct Piece {
    int64_t z, y, x;  // within the window, in pixels of the image
  };
  struct Range {
    int64_t from, count;  // in floats
  };

  void gather_line(const Line& line, Range range, kernels::Gathered to) const {
    size_t piece = size_t(range.from / length_);
    int64_t skipped = range.from % length_;
    for (int64_t done = 0; done < range.count; ++piece, skipped = 0) {
      const Range part{skipped, std::min(length_ - skipped, range.count - done)};
      const Piece& p = pieces_[piece];
      const int64_t z = line.z + p.z, y = line.y + p.y;
      const int64_t pixels = ((line.image * g_.in[0] + z) * g_.in[1] + y) * g_.in[2];
      gather_piece(is_inside(g_, z, y) ? x_ + pixels * g_.channels : nullptr, line.x + p.x,
                   line.count, part, to.from(0, done));
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
    const int64_t step = to.packed ? to.step : 1;
    fill(to.to, step, first - begin);
    if (first < last) {
      float* inside = to.to + (first - begin) * step;
      if (step == 1)
        std::copy_n(line + first, last - first, inside);
      else
        for (int64_t i = first; i < last; ++i) inside[(i - first) * step] = line[i];
    }
    fill(to.to + (last - begin) * step, step, end - last);
  }

  const Geometry& g_;
  const float* x_;
  int64_t length_;  // of a piece, in floats
  std::vector<Piece> pieces_;
  std::optional<WindowLines> lines_;
};

// Columns of rows lie in planes: a stride apart, in one line of the image.
class PlaneRows final : public kernels::RowSource {
 public:
  PlaneRows(const Geometry& g, const float* x, int64_t depth)
      : g_(g), x_(x), depth_(depth), lines_(g, x, depth, true) {}

  void gather(int64_t row, int64_t rows, int64_t from, int64_t depth,
              kernels::Gathered to) const override {
    each_line(g_, row, rows, [&](const Line& line, int64_t first) {
      // Of each line of the kernel: some columns of positions and channels.
      const int64_t length = g_.kernel[2] * depth_;
      for (int64_t k = from; k < from + depth;) {
        const int64_t skipped = k % length, count = std::min(length - skipped, from + depth - k);
        gather_line(line, k / length, {skipped, count}, to.from(first, k - from));
        k += count;
      }
    });
  }
  bool by_columns() const override { return true; }
  kernels::RowLines lines() const override { return lines_.lines(); }
  void lay_out(int64_t line, int64_t count, float* to) const override {
    lines_.lay_out(line, count, to);
  }

 private:
  struct Columns {
    int64_t first, count;
  };

  void gather_line(Line line, int64_t row, Columns columns, kernels::Gathered to) const {
    line.z += row / g_.kernel[1] * g_.dilation[0];
    line.y += row % g_.kernel[1] * g_.dilation[1];
    const int64_t stride = g_.stride[2], reach = (g_.kernel[2] - 1) * g_.dilation[2];
    // Results whose window is within the line; most often all.
    int64_t first = 0, last = line.count;
    if (line.x < 0) first = std::min(last, (stride - 1 - line.x) / stride);
    const int64_t room = g_.in[2] - 1 - reach - line.x;
    if (room < (last - 1) * stride) last = room < 0 ? 0 : room / stride + 1;
    if (!is_inside(g_, line.z, line.y) || columns.count < g_.kernel[2] * depth_) last = 0;
    first = std::min(first, last);
    for (int64_t channel = 0; first < last && channel < depth_; ++channel)
      spread(pixel(line, channel, line.x + first * stride), last - first, to.from(first, channel));
    for (int64_t r = 0; r < first; ++r) gather_one(line, r, columns, to);
    for (int64_t r = last; r < line.count; ++r) gather_one(line, r, columns, to);
  }

  // A result by itself: at the edges, and where a block of k ends within a line of the kernel.
  // Zeros outside of the image.
  void gather_one(const Line& line, int64_t r, Columns columns, kernels::Gathered to) const {
    const bool inside = is_inside(g_, line.z, line.y);
    int64_t position = columns.first / depth_, channel = columns.first % depth_;
    for (int64_t k = 0; k < columns.count; ++k) {
      const int64_t x = line.x + r * g_.stride[2] + position * g_.dilation[2];
      *to.at(r, k) = inside && x >= 0 && x < g_.in[2] ? *pixel(line, channel, x) : 0.0f;
      if (++channel == depth_) channel = 0, ++position;
    }
  }

  const float* pixel(const Line& line, int64_t channel, int64_t x) const {
    const int64_t plane = line.image * g_.channels + channel;
    return x_ + ((plane * g_.in[0] + line.z) * g_.in[1] + line.y) * g_.in[2] + x;
  }

  // All positions of a channel.
  void spread(const float* from, int64_t rows, kernels::Gathered to) const {
    const kernels::Steps pixels{g_.stride[2], g_.dilation[2]};
    const kernels::Steps row_major{to.step, depth_}, packed{1, to.step * depth_};
    spread_(from, pixels, rows, g_.kernel[2], to.to, to.packed ? packed : row_major);
  }

  const Geometry& g_;
  const float* x_;
  int64_t depth_;
  WindowLines lines_;
  decltype(kernels::GemmKernel::spread) spread_ = kernels::gemm_kernel().spread;
};

}  // namespace

std::unique_ptr<kernels::RowSource> window_rows(const Geometry& g, const float* x, int64_t depth,
                                                int64_t panels) {
  return std::make_unique<WindowRows>(g, x, depth, panels);
}

std::unique_ptr<kernels::RowSource> plane_rows(const Geometry& g, const float* x, int64_t depth) {
  return std::make_unique<PlaneRows>(g, x, depth);
}

}  // namespace hone::cpu
