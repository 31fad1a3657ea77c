#include "backends/cpu/channels_last_lines.h"

#include <algorithm>
#include <vector>

namespace hone::cpu {
namespace {

using kernels::InputLine;
using kernels::WindowPart;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// [begin, end) of piece i of n, as even as whole units allow.
struct Range {
  int64_t begin, end;
};
Range piece_of(int64_t count, int64_t unit, int64_t i, int64_t n) {
  const int64_t units = divide_up(count, unit);
  return {std::min(count, units * i / n * unit), std::min(count, units * (i + 1) / n * unit)};
}

// Channels of a block: whole cache lines.
constexpr int64_t kChannels = 256, kChannelUnit = 16;
// Of the input under a line of a strip: 20 KiB, which stay in the first-level cache for the next
// line. An input of more than 1 MiB comes from beyond the second-level cache, where reading whole
// lines is faster.
constexpr int64_t kStripFloats = 5120, kNearFloats = 1 << 18;
constexpr int64_t kPixelUnit = 7;  // the kernels take so many at once

// How each image is cut: into runs of lines, which products before and after are cut into as well,
// these into blocks of channels, these into runs of columns.
struct Cut {
  int64_t blocks, rows, columns;
  int64_t strip;  // columns of results
};

Cut cut_of(const Geometry& g, int64_t threads) {
  Cut cut{divide_up(g.channels, kChannels), 1, 1, g.out[2]};
  const int64_t lines = g.out[0] * g.out[1], width = g.out[2];
  const int64_t work = g.images * lines * width * g.channels * g.positions();
  // Four pieces for each thread, so that one that is disturbed does not hold up the others.
  int64_t wanted = threads == 1 ? 1 : std::min(4 * threads, divide_up(work, 4 * kGrain));
  wanted = divide_up(wanted, g.images * cut.blocks);
  cut.rows = std::min(wanted, lines);
  wanted = divide_up(wanted, cut.rows);
  cut.columns = std::min(wanted, divide_up(width, kPixelUnit));
  const int64_t input_lines = g.kernel[0] * g.kernel[1];
  if (input_lines > 1 && g.in_size() * g.channels <= kNearFloats) {
    const int64_t pixels = kStripFloats / (input_lines * divide_up(g.channels, cut.blocks)) -
                           (g.kernel[2] - 1) * g.dilation[2];
    cut.strip = kPixelUnit * std::max<int64_t>(1, pixels / g.stride[2] / kPixelUnit);
  }
  return cut;
}

// Lists the lines of the input under output line [z, y] of an image.
void list_inputs(const Geometry& g, const float* image, const float* weights, int64_t z, int64_t y,
                 std::vector<InputLine>& inputs) {
  for (int64_t kz = 0; kz < g.kernel[0]; ++kz) {
    const int64_t iz = z * g.stride[0] - g.before[0] + kz * g.dilation[0];
    if (iz < 0 || iz >= g.in[0]) continue;
    for (int64_t ky = 0; ky < g.kernel[1]; ++ky) {
      const int64_t iy = y * g.stride[1] - g.before[1] + ky * g.dilation[1];
      if (iy < 0 || iy >= g.in[1]) continue;
      const int64_t row = (kz * g.kernel[1] + ky) * g.kernel[2] * g.channels;
      inputs.push_back(
          {image + (iz * g.in[1] + iy) * g.in[2] * g.channels, weights ? weights + row : nullptr});
    }
  }
}

// What one thread needs for its pieces.
class Worker {
 public:
  Worker(const Geometry& g, const Cut& cut, const float* x, const float* weights,
         const LineKernel& kernel)
      : g_(g),
        cut_(cut),
        x_(x),
        weights_(weights),
        kernel_(kernel),
        line_(kernels::window_line({.pixels = g.in[2],
                                    .channels = g.channels,
                                    .taps = g.kernel[2],
                                    .stride = g.stride[2],
                                    .dilation = g.dilation[2],
                                    .before = g.before[2]},
                                   g.out[2])) {}

  void run(int64_t piece) {
    const int64_t column = piece % cut_.columns, block = piece / cut_.columns % cut_.blocks;
    const int64_t rest = piece / cut_.columns / cut_.blocks;
    const int64_t row = rest % cut_.rows;
    const Range channels = piece_of(g_.channels, kChannelUnit, block, cut_.blocks);
    const Range columns = piece_of(g_.out[2], kPixelUnit, column, cut_.columns);
    const Range rows = piece_of(g_.out[0] * g_.out[1], 1, row, cut_.rows);
    // So many lines at a time that their list stays small, however high the kernel is.
    constexpr int64_t kMost = 1 << 16;
    const int64_t step = std::max<int64_t>(1, kMost / (g_.kernel[0] * g_.kernel[1]));
    for (int64_t r = rows.begin; r < rows.end; r += step) {
      list_rows(rest / cut_.rows, {r, std::min(rows.end, r + step)});
      for (int64_t first = columns.begin; first < columns.end; first += cut_.strip) {
        const int64_t last = std::min(columns.end, first + cut_.strip);
        const WindowPart part{first, last, channels.begin, channels.end};
        for (const OutputLine& line : lines_) kernel_(line_, line, part);
      }
    }
  }

 private:
  void list_rows(int64_t image, const Range& rows) {
    lines_.clear();
    inputs_.clear();
    inputs_.reserve(size_t((rows.end - rows.begin) * g_.kernel[0] * g_.kernel[1]));
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      const int64_t z = r / g_.out[1], y = r % g_.out[1];
      const size_t before = inputs_.size();
      list_inputs(g_, x_ + image * g_.in_size() * g_.channels, weights_, z, y, inputs_);
      lines_.push_back({image * g_.out[0] * g_.out[1] + r, z, y, inputs_.data() + before,
                        int64_t(inputs_.size() - before)});
    }
  }

  const Geometry& g_;
  const Cut& cut_;
  const float* x_;
  const float* weights_;
  const LineKernel& kernel_;
  kernels::WindowLine line_;
  std::vector<OutputLine> lines_;
  std::vector<InputLine> inputs_;
};

}  // namespace

void each_line(const Geometry& g, const float* x, const float* weights, ThreadPool& pool,
               const LineKernel& kernel) {
  const Cut cut = cut_of(g, pool.size());
  pool.parallel_for(g.images * cut.blocks * cut.rows * cut.columns, 1,
                    [&](int64_t begin, int64_t end) {
                      Worker worker(g, cut, x, weights, kernel);
                      for (int64_t piece = begin; piece < end; ++piece) worker.run(piece);
                    });
}

}  // namespace hone::cpu
