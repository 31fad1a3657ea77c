// Depthwise convolutions with the products of pixels around them, band by band of lines: what is
// between them stays in the cache.
#include <algorithm>
#include <optional>
#include <vector>

#include "backends/cpu/channels_last_geometry.h"
#include "backends/cpu/epilogue.h"
#include "base/checked.h"
#include "kernels/gemm/gemm.h"
#include "kernels/windows/windows.h"
#include "ops/separable_conv.h"

namespace hone::cpu {
namespace {

using kernels::InputLine;
namespace port = separable;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A product of each pixel with a matrix.
struct Pointwise {
  const float* panels;
  int64_t depth, filters;
  kernels::Epilogue epilogue;
};

struct Separable {
  Geometry g;  // of the depthwise convolution
  const float *x, *weights;
  kernels::Epilogue epilogue;  // of the depthwise convolution
  std::optional<Pointwise> expansion, projection;
  float* y;
  int64_t y_channels, y_row;  // floats of a pixel, and from one to the next

  // What the band's lines are convolved from: floats of a line, and how many lines for how many
  // results, of those that there are.
  int64_t line() const { return g.in[2] * g.channels; }
  int64_t lines_under(int64_t results) const {
    return (results - 1) * g.stride[1] + (g.kernel[1] - 1) * g.dilation[1] + 1;
  }
  int64_t result_line() const { return g.out[2] * g.channels; }
  // Is what is convolved the result, and as it is computed?
  bool convolves_in_place() const { return !projection && y_row == y_channels; }
};

// Of lines that need not exist: where x has no elements, its extents have no bounds.
std::optional<int64_t> floats_of(int64_t lines, int64_t pixels, int64_t channels) {
  const auto all = checked_mul(lines, pixels);
  return all ? checked_mul(*all, channels) : std::nullopt;
}

// Lines of results at a time: enough pixels for a product to be worth its start, few enough for the
// second-level cache.
int64_t band_of(const Separable& s) {
  constexpr int64_t kPixels = 56, kLines = 2;
  const Geometry& g = s.g;
  const int64_t lines = std::min(g.out[1], std::max(kLines, divide_up(kPixels, g.out[2])));
  const auto under = floats_of(s.lines_under(lines), g.in[2], g.channels);
  const auto made = floats_of(lines, g.out[2], g.channels);
  const bool near =
      under && made && *under <= port::kNearFloats && *made <= port::kNearFloats - *under;
  return near ? lines : 1;
}

struct Bands {
  int64_t lines = 1;                    // of results
  int64_t ring = 0;                     // lines of the expansion that are kept
  int64_t expanded = 0, convolved = 0;  // floats
};

Result<Bands> bands_of(const Separable& s) {
  Bands bands{.lines = band_of(s)};
  const int64_t apart = s.convolves_in_place() ? 0 : 1;  // lines that are copied to their places
  bands.ring = std::min(s.g.in[1], s.lines_under(bands.lines));
  const auto expanded = floats_of(bands.ring, s.g.in[2], s.g.channels);
  const auto convolved = floats_of(s.projection ? bands.lines : apart, s.g.out[2], s.g.channels);
  if ((s.expansion && !expanded) || !convolved)
    return fail(ErrorId::over_memory,
                "channels_last_separable_conv: a band of lines takes too much memory");
  if (s.expansion) bands.expanded = *expanded;
  bands.convolved = *convolved;
  return bands;
}

// Lines [begin, end).
struct Lines {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};

// What one thread needs for its pieces.
class Worker {
 public:
  Worker(const Separable& s, const Bands& bands, const Call& c)
      : s_(s),
        g_(s.g),
        band_(bands.lines),
        ring_(bands.ring),
        expanded_(c.scratch<float>(bands.expanded)),
        convolved_(c.scratch<float>(bands.convolved)),
        line_(kernels::window_line({.pixels = g_.in[2],
                                    .channels = g_.channels,
                                    .taps = g_.kernel[2],
                                    .stride = g_.stride[2],
                                    .dilation = g_.dilation[2],
                                    .before = g_.before[2]},
                                   g_.out[2])) {}

  void run(int64_t image, Lines results) {
    next_ = 0;
    for (int64_t r = results.begin; r < results.end; r += band_) {
      const Lines band{r, std::min(results.end, r + band_)};
      if (s_.expansion) expand(image, band);
      convolve(image, band);
      if (s_.projection) project(image, band);
    }
  }

 private:
  const float* input(int64_t image, int64_t line) const {
    if (s_.expansion) return expanded_.data() + line % ring_ * s_.line();
    return s_.x + (image * g_.in[1] + line) * s_.line();
  }

  // The lines under a band that the band before has not needed.
  void expand(int64_t image, Lines band) {
    const int64_t first = band.begin * g_.stride[1] - g_.before[1];
    const int64_t end = std::min(g_.in[1], first + s_.lines_under(band.count()));
    next_ = std::max({next_, first, int64_t{0}});
    while (next_ < end) {
      const int64_t place = next_ % ring_, count = std::min(end - next_, ring_ - place);
      const Pointwise& p = *s_.expansion;
      multiply(p, s_.x + (image * g_.in[1] + next_) * g_.in[2] * p.depth,
               expanded_.data() + place * s_.line(), p.filters, count * g_.in[2], p.epilogue);
      next_ += count;
    }
  }

  void convolve(int64_t image, Lines band) {
    const int64_t row = g_.kernel[2] * g_.channels;
    for (int64_t r = band.begin; r < band.end; ++r) {
      inputs_.clear();
      for (int64_t k = 0; k < g_.kernel[1]; ++k) {
        const int64_t line = r * g_.stride[1] - g_.before[1] + k * g_.dilation[1];
        if (line >= 0 && line < g_.in[1])
          inputs_.push_back({input(image, line), s_.weights + k * row});
      }
      if (s_.projection)
        convolve_line(s_.epilogue, convolved_.data() + (r - band.begin) * s_.result_line());
      else
        finish_line(image * g_.out[1] + r);
    }
  }

  void convolve_line(const kernels::Epilogue& e, float* to) {
    const kernels::WindowPart whole{0, g_.out[2], 0, g_.channels};
    kernels::window_kernels().depthwise(line_, inputs_.data(), int64_t(inputs_.size()), whole, e,
                                        to);
  }

  // A line of y, of those of all images.
  void finish_line(int64_t number) {
    kernels::Epilogue e = s_.epilogue;
    if (e.added) e.added += number * s_.result_line();
    float* to = s_.y + number * g_.out[2] * s_.y_row;
    if (s_.convolves_in_place()) return convolve_line(e, to);
    convolve_line(e, convolved_.data());
    kernels::gemm_kernel().copy(convolved_.data(), g_.channels, to, s_.y_row, g_.out[2],
                                g_.channels);
  }

  void project(int64_t image, Lines band) {
    const Pointwise& p = *s_.projection;
    const int64_t pixel = (image * g_.out[1] + band.begin) * g_.out[2];
    kernels::Epilogue e = p.epilogue;
    if (e.added) e.added += pixel * p.filters;
    multiply(p, convolved_.data(), s_.y + pixel * s_.y_row, s_.y_row, band.count() * g_.out[2], e);
  }

  static void multiply(const Pointwise& p, const float* from, float* to, int64_t to_row,
                       int64_t rows, const kernels::Epilogue& epilogue) {
    kernels::Product product;
    product.a = {from, p.depth, p.depth};
    product.b = p.panels;
    product.c = to;
    product.c_row = to_row;
    product.m = rows;
    product.n = p.filters;
    product.epilogue = epilogue;
    const kernels::GemmKernel& kernel = kernels::gemm_kernel();
    kernels::multiply(kernel, product, 0, kernels::panels(kernel, p.filters));
  }

  const Separable& s_;
  const Geometry& g_;
  int64_t band_, ring_;  // lines
  Scratch<float> expanded_, convolved_;
  kernels::WindowLine line_;
  int64_t next_ = 0;  // to be expanded
  std::vector<InputLine> inputs_;
};

// How many pieces each image is cut into. Each expands lines that its neighbours expand as well.
int64_t pieces_of(const Separable& s, const Bands& bands, int64_t threads) {
  // More pieces than threads, so that one that is held up keeps the others waiting for a piece at
  // most; but not of less than so many times the lines that two of them expand.
  constexpr int64_t kPieces = 2, kTimes = 3;
  if (threads == 1) return 1;
  const int64_t height = s.g.out[1], stride = s.g.stride[1];
  const int64_t twice = s.expansion ? std::max<int64_t>(0, s.lines_under(1) - stride) : 0;
  const auto most = [&](int64_t times) {
    return height / std::max(bands.lines, divide_up(times * twice, stride));
  };
  // A piece for each thread pays even if it expands half of its lines for itself alone.
  const int64_t one_each = std::clamp<int64_t>(most(1), 1, divide_up(threads, s.g.images));
  const int64_t wanted = divide_up(kPieces * threads, s.g.images);
  if (wanted <= most(kTimes)) return wanted;
  return std::max<int64_t>(1, most(kTimes) / one_each) * one_each;
}

Status run_bands(const Separable& s, const Call& c, ThreadPool& pool) {
  const Bands bands = TRY(bands_of(s));
  const int64_t pieces = pieces_of(s, bands, pool.size());
  pool.parallel_for(s.g.images * pieces, 1, [&](int64_t begin, int64_t end) {
    Worker worker(s, bands, c);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t piece = i % pieces;
      worker.run(i / pieces, {s.g.out[1] * piece / pieces, s.g.out[1] * (piece + 1) / pieces});
    }
  });
  return ok();
}

Status run_channels_last_separable_conv(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const auto floats = [&](size_t input) { return c.in(input).as<float>().data(); };
  Separable s{.g = TRY(geometry_of(c, false)),
              .x = floats(port::kX),
              .weights = floats(port::kWeights),
              .epilogue = {},
              .expansion = {},
              .projection = {},
              .y = y.as<float>().data(),
              .y_channels = y.shape().back(),
              .y_row = c.row_step > 0 ? c.row_step : y.shape().back()};
  const int64_t depth = s.g.channels;
  s.g.channels = c.in(port::kWeights).shape()[1];
  s.epilogue = epilogue_of(c, s.g.channels);
  if (c.has(port::kProjection)) {
    s.projection = Pointwise{floats(port::kProjection), s.g.channels, s.y_channels,
                             epilogue_of(c, s.y_channels)};
    s.epilogue = epilogue_of(c, port::kDepthwiseBias, port::kConvolved);
  }
  if (c.has(port::kExpansion))
    s.expansion = Pointwise{floats(port::kExpansion), depth, s.g.channels,
                            epilogue_of(c, port::kExpansionBias, port::kExpanded)};
  return run_bands(s, c, pool);
}

Support accepts(const Graph& graph, const Node& node) {
  const int64_t width = kernels::gemm_kernel().columns;
  for (const size_t input : {size_t(port::kExpansion), size_t(port::kProjection)}) {
    if (input >= node.inputs.size() || !node.inputs[input].valid()) continue;
    const Shape& panels = graph[node.inputs[input]].type.tensor.shape;
    if (!panels.ranked || panels.rank() != 4 || !panels.dims[3].is(width))
      return no("panels of another width than this machine's " + std::to_string(width));
  }
  return accepts_channels_last(graph, node);
}

}  // namespace

const CpuKernel channels_last_separable_conv_kernel{
    "channels_last_separable_conv", accepts, run_channels_last_separable_conv,
    CpuKernel::InPlace::residual,   false,   true};

}  // namespace hone::cpu
