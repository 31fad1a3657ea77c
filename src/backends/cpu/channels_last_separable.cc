// Depthwise convolutions with the products of pixels around them, band by band of lines: what is
// between them stays in the cache.
#include <algorithm>
#include <optional>
#include <vector>

#include "backends/cpu/channels_last_geometry.h"
#include "backends/cpu/epilogue.h"
#include "kernels/gemm/gemm.h"
#include "kernels/windows/windows.h"
#include "ops/separable_conv.h"

namespace hone::cpu {
namespace {

using kernels::InputLine;
namespace port = separable;

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

  // What the band's lines are convolved from: floats of a line, and how many lines for how many
  // results.
  int64_t line() const { return g.in[2] * g.channels; }
  int64_t lines_under(int64_t results) const {
    return (results - 1) * g.stride[1] + (g.kernel[1] - 1) * g.dilation[1] + 1;
  }
  int64_t result_line() const { return g.out[2] * g.channels; }
};

// Lines of results at a time: enough pixels for a product to be worth its start, few enough for the
// second-level cache.
int64_t band_of(const Separable& s) {
  constexpr int64_t kPixels = 56, kLines = 2, kNearFloats = 1 << 18;
  const int64_t lines = std::max(kLines, (kPixels + s.g.out[2] - 1) / s.g.out[2]);
  const auto floats = [&](int64_t n) { return s.lines_under(n) * s.line() + n * s.result_line(); };
  return std::min(s.g.out[1], floats(lines) <= kNearFloats ? lines : 1);
}

// Lines [begin, end).
struct Lines {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};

// What one thread needs for its pieces.
class Worker {
 public:
  Worker(const Separable& s, const Call& c)
      : s_(s),
        g_(s.g),
        band_(band_of(s)),
        ring_(std::clamp<int64_t>(g_.in[1], 1, s.lines_under(band_))),
        expanded_(c.scratch<float>(s.expansion ? ring_ * s.line() : 0)),
        convolved_(c.scratch<float>(s.projection ? band_ * s.result_line() : 0)),
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
               expanded_.data() + place * s_.line(), count * g_.in[2], p.epilogue);
      next_ += count;
    }
  }

  void convolve(int64_t image, Lines band) {
    const kernels::WindowPart whole{0, g_.out[2], 0, g_.channels};
    const int64_t row = g_.kernel[2] * g_.channels;
    for (int64_t r = band.begin; r < band.end; ++r) {
      inputs_.clear();
      for (int64_t k = 0; k < g_.kernel[1]; ++k) {
        const int64_t line = r * g_.stride[1] - g_.before[1] + k * g_.dilation[1];
        if (line >= 0 && line < g_.in[1])
          inputs_.push_back({input(image, line), s_.weights + k * row});
      }
      const int64_t at = (image * g_.out[1] + r) * s_.result_line();
      kernels::Epilogue e = s_.epilogue;
      if (e.added) e.added += at;
      float* to =
          s_.projection ? convolved_.data() + (r - band.begin) * s_.result_line() : s_.y + at;
      kernels::window_kernels().depthwise(line_, inputs_.data(), int64_t(inputs_.size()), whole, e,
                                          to);
    }
  }

  void project(int64_t image, Lines band) {
    const Pointwise& p = *s_.projection;
    const int64_t at = (image * g_.out[1] + band.begin) * g_.out[2] * p.filters;
    kernels::Epilogue e = p.epilogue;
    if (e.added) e.added += at;
    multiply(p, convolved_.data(), s_.y + at, band.count() * g_.out[2], e);
  }

  static void multiply(const Pointwise& p, const float* from, float* to, int64_t rows,
                       const kernels::Epilogue& epilogue) {
    kernels::Product product;
    product.a = {from, p.depth, p.depth};
    product.b = p.panels;
    product.c = to;
    product.c_row = p.filters;
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

void run_bands(const Separable& s, const Call& c, ThreadPool& pool) {
  // Each piece expands lines that its neighbours expand as well: few pieces.
  constexpr int64_t kPieces = 2;
  const int64_t pieces = pool.size() == 1 ? 1 : std::min(s.g.out[1], kPieces * pool.size());
  pool.parallel_for(s.g.images * pieces, 1, [&](int64_t begin, int64_t end) {
    Worker worker(s, c);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t piece = i % pieces;
      worker.run(i / pieces, {s.g.out[1] * piece / pieces, s.g.out[1] * (piece + 1) / pieces});
    }
  });
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
              .y = y.as<float>().data()};
  const int64_t depth = s.g.channels;
  s.g.channels = c.in(port::kWeights).shape()[1];
  s.epilogue = epilogue_of(c, s.g.channels);
  if (c.has(port::kProjection)) {
    const int64_t filters = y.shape().back();
    s.projection =
        Pointwise{floats(port::kProjection), s.g.channels, filters, epilogue_of(c, filters)};
    s.epilogue = epilogue_of(c, port::kDepthwiseBias, port::kConvolved);
  }
  if (c.has(port::kExpansion))
    s.expansion = Pointwise{floats(port::kExpansion), depth, s.g.channels,
                            epilogue_of(c, port::kExpansionBias, port::kExpanded)};
  run_bands(s, c, pool);
  return ok();
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

const CpuKernel channels_last_separable_conv_kernel{"channels_last_separable_conv", accepts,
                                                    run_channels_last_separable_conv,
                                                    CpuKernel::InPlace::residual};

}  // namespace hone::cpu
