// Depthwise convolution of bytes whose channels are the last axis.
#include <algorithm>

#include "backends/cpu/channels_last_geometry.h"
#include "backends/cpu/integer_products.h"
#include "kernels/byte_depthwise/byte_depthwise.h"
#include "ops/quantized_products.h"

namespace hone::cpu {
namespace {

int64_t rounded_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// The first pixels of the lines under the windows of result line `number`; null outside of the
// image.
void list_lines(const Geometry& g, const uint8_t* x, int64_t number, const uint8_t** lines) {
  const int64_t per_image = g.out[0] * g.out[1], image = number / per_image;
  const int64_t z0 = number % per_image / g.out[1] * g.stride[0] - g.before[0];
  const int64_t y0 = number % g.out[1] * g.stride[1] - g.before[1];
  for (int64_t i = 0; i < g.kernel[0] * g.kernel[1]; ++i) {
    const int64_t z = z0 + i / g.kernel[1] * g.dilation[0];
    const int64_t y = y0 + i % g.kernel[1] * g.dilation[1];
    const bool inside = z >= 0 && z < g.in[0] && y >= 0 && y < g.in[1];
    lines[i] = inside ? x + ((image * g.in[0] + z) * g.in[1] + y) * g.in[2] * g.channels : nullptr;
  }
}

// The pixels under the windows along a line of results.
class Taps {
 public:
  Taps(const Geometry& g, const uint8_t* x, const uint8_t* outside, const uint8_t** taps)
      : g_(g), x_(x), outside_(outside), taps_(taps), lines_(size_t(g.kernel[0] * g.kernel[1])) {}

  // Line `number` of all results.
  void begin(int64_t number) {
    list_lines(g_, x_, number, lines_.data());
    whole_ = false;
  }

  // Does the window of result x lie within the line?
  bool is_whole(int64_t x) const {
    const int64_t first = x * g_.stride[2] - g_.before[2];
    return first >= 0 && first + (g_.kernel[2] - 1) * g_.dilation[2] < g_.in[2];
  }

  // Windows that lie within the line move along it.
  void move_to(int64_t x) {
    const int64_t first = x * g_.stride[2] - g_.before[2];
    const int64_t moved = (x - at_) * g_.stride[2] * g_.channels;
    const bool whole = is_whole(x);
    const uint8_t** tap = taps_;
    for (const uint8_t* line : lines_)
      for (int64_t k = 0; k < g_.kernel[2]; ++k, ++tap) {
        const int64_t at = first + k * g_.dilation[2];
        if (whole && whole_)
          *tap += line ? moved : 0;
        else
          *tap = line && at >= 0 && at < g_.in[2] ? line + at * g_.channels : outside_;
      }
    whole_ = whole;
    at_ = x;
  }

 private:
  const Geometry& g_;
  const uint8_t* x_;
  const uint8_t* outside_;
  const uint8_t** taps_;
  std::vector<const uint8_t*> lines_;  // null outside of the image
  bool whole_ = false;                 // the window before
  int64_t at_ = 0;                     // and its result
};

// So many results side by side that their channels, which lie one after the other, fill vectors.
int64_t results_at_once(const Geometry& g) {
  const int64_t unit = kernels::byte_depthwise_kernels().channel_unit;
  if (g.stride[2] != 1) return 1;
  int64_t best = 1;
  const auto waste = [&](int64_t n) {
    return double(rounded_up(n * g.channels, unit)) / double(n * g.channels);
  };
  for (const int64_t n : {2, 4})
    if (n <= g.out[2] && waste(n) < 0.9 * waste(best)) best = n;
  return best;
}

// Weights as the kernels read them, for one result and for several.
struct Prepared {
  int64_t at_once;
  std::vector<int8_t> one, several;
  Prepared(const Geometry& g, const int8_t* weights) : at_once(results_at_once(g)) {
    one = prepared(weights, g.positions(), g.channels);
    if (at_once == 1) return;
    std::vector<int8_t> repeated;
    for (int64_t p = 0; p < g.positions(); ++p)
      for (int64_t i = 0; i < at_once; ++i)
        repeated.insert(repeated.end(), weights + p * g.channels, weights + (p + 1) * g.channels);
    several = prepared(repeated.data(), g.positions(), at_once * g.channels);
  }

 private:
  static std::vector<int8_t> prepared(const int8_t* weights, int64_t taps, int64_t channels) {
    const auto& kernels = kernels::byte_depthwise_kernels();
    std::vector<int8_t> out(size_t(kernels.prepared_bytes(taps, channels)));
    kernels.prepare(weights, taps, channels, out.data());
    return out;
  }
};

// Lines of results, one after the other.
class Lines {
 public:
  Lines(const Geometry& g, const uint8_t* x, uint8_t outside, const Prepared& prepared,
        const kernels::IntegerEpilogue& epilogue, bool sums_rows)
      : g_(g),
        x_(x),
        outside_(size_t(prepared.at_once * g.channels), outside),
        prepared_(prepared),
        epilogue_(epilogue),
        sums_rows_(sums_rows) {}

  void run(int64_t first, int64_t last) const {
    const auto& kernels = kernels::byte_depthwise_kernels();
    // So many results at a time that their sums stay in the first-level cache.
    constexpr int64_t kSums = 4096;
    const int64_t most = std::clamp<int64_t>(kSums / g_.channels, prepared_.at_once, g_.out[2]);
    std::vector<const uint8_t*> taps(size_t(rounded_up(g_.positions(), kernels.tap_unit)),
                                     outside_.data());
    // The kernels write whole vectors.
    std::vector<int32_t> sums(size_t(most * g_.channels + kernels.channel_unit));
    Taps list(g_, x_, outside_.data(), taps.data());
    for (int64_t line = first; line < last; ++line) {
      list.begin(line);
      for (int64_t x = 0; x < g_.out[2]; x += most) {
        const int64_t count = std::min(most, g_.out[2] - x);
        for (int64_t i = 0; i < count;)
          i += add_up(list, taps.data(), x + i, count - i, sums.data() + i * g_.channels);
        kernels::integer_gemm_kernel().finish(epilogue_, sums.data(), g_.channels,
                                              line * g_.out[2] + x, count, 0, g_.channels);
      }
    }
  }

 private:
  // The sums of result x, and of those behind it that go with it; how many.
  int64_t add_up(Taps& list, const uint8_t* const* taps, int64_t x, int64_t left,
                 int32_t* sums) const {
    const auto& kernels = kernels::byte_depthwise_kernels();
    const int64_t n = prepared_.at_once;
    const bool several = n > 1 && n <= left && list.is_whole(x) && list.is_whole(x + n - 1);
    list.move_to(x);
    const int64_t results = several ? n : 1;
    kernels.sums(taps, (several ? prepared_.several : prepared_.one).data(), g_.positions(),
                 results * g_.channels, sums);
    if (sums_rows_)
      for (int64_t i = 0; i < results; ++i)
        add_terms(taps, i * g_.channels, sums + i * g_.channels);
    return results;
  }

  // Each channel has a sum of its own, where weights have zero points.
  void add_terms(const uint8_t* const* taps, int64_t from, int32_t* sums) const {
    for (int64_t c = 0; c < g_.channels; ++c) {
      uint32_t sum = 0;
      for (int64_t t = 0; t < g_.positions(); ++t) sum += taps[t][from + c];
      sums[c] = int32_t(uint32_t(sums[c]) + sum * uint32_t(epilogue_.column_terms[c]));
    }
  }

  const Geometry& g_;
  const uint8_t* x_;
  std::vector<uint8_t> outside_;
  const Prepared& prepared_;
  kernels::IntegerEpilogue epilogue_;
  bool sums_rows_;
};

// Lines of results whose bytes the kernels finish themselves.
void run_lines(const Geometry& g, const uint8_t* x, kernels::ByteDepthwiseLines l,
               ThreadPool& pool) {
  // Two pieces for each thread, always the same lines: those that it has written itself.
  const int64_t lines = g.images * g.out[0] * g.out[1], pieces = 2 * pool.size();
  const int64_t least = kGrain / std::max<int64_t>(1, g.out[2] * g.channels);
  pool.parallel_for(lines, std::max({int64_t{1}, least, (lines + pieces - 1) / pieces}),
                    [&](int64_t begin, int64_t end) {
                      auto piece = l;
                      std::vector<const uint8_t*> lines(size_t((end - begin) * l.height));
                      for (int64_t i = begin; i < end; ++i)
                        list_lines(g, x, i, lines.data() + (i - begin) * l.height);
                      piece.lines = lines.data();
                      piece.count = end - begin;
                      piece.row = begin * g.out[2];
                      kernels::byte_depthwise_kernels().lines(piece);
                    });
}

Status run_depthwise(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Geometry g = TRY(geometry_of(c, false));
  const auto turned = turned_bytes(c, pool);
  const IntegerRescaling rescaling(c, y, g.channels, g.positions());
  const int8_t* weights = c.in(1).as<int8_t>().data();
  const kernels::IntegerEpilogue epilogue = rescaling.of_columns(0);
  const kernels::ByteDepthwiseLines whole{.channels = g.channels,
                                          .in = g.in[2],
                                          .out = g.out[2],
                                          .kernel = g.kernel[2],
                                          .stride = g.stride[2],
                                          .dilation = g.dilation[2],
                                          .before = g.before[2],
                                          .height = g.kernel[0] * g.kernel[1],
                                          .weights = weights,
                                          .outside = rescaling.x_zero(),
                                          .lines = nullptr,
                                          .count = 0,
                                          .epilogue = &epilogue,
                                          .row = 0};
  const auto& kernels = kernels::byte_depthwise_kernels();
  if (kernels.takes && !rescaling.needs_row_sums() && kernels.takes(whole)) {
    run_lines(g, turned.bytes, whole, pool);
    return ok();
  }
  const Prepared prepared(g, weights);
  const Lines lines(g, turned.bytes, rescaling.x_zero(), prepared, rescaling.of_columns(0),
                    rescaling.needs_row_sums());
  const int64_t work = std::max<int64_t>(1, g.out[2] * g.channels);
  pool.parallel_for(g.images * g.out[0] * g.out[1], std::max<int64_t>(1, kGrain / work),
                    [&](int64_t begin, int64_t end) { lines.run(begin, end); });
  return ok();
}

}  // namespace

const CpuKernel quantized_depthwise_conv_kernel{"quantized_depthwise_conv", accepts_spatial,
                                                run_depthwise};

}  // namespace hone::cpu
