// Depthwise convolution with the vectors of the including file's instruction set.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/windows/line_impl.h"

namespace hone::kernels {
namespace {

struct Depthwise {
  const WindowLine& line;
  const InputLine* inputs;
  int64_t count;
  const WindowPart& part;
  const float* bias;
  const float* added;
  Vector low, high;  // every activation that is not a clip comes later
  float* y;
};

// Adds the taps of one input line to `kPixels` sums, as many as the line's stride apart. A pixel is
// loaded once for all the outputs that it is under.
template <int kTaps, int kStride, int kPixels, class Lanes>
inline void add_taps(const float* x, const float* w, int64_t channels, Lanes lanes,
                     Vector (&sums)[kPixels]) {
  Vector weights[kTaps];
#pragma GCC unroll 8
  for (int k = 0; k < kTaps; ++k) weights[k] = lanes.load(w + k * channels);
#pragma GCC unroll 32
  for (int i = 0; i < (kPixels - 1) * kStride + kTaps; ++i) {
    const Vector pixel = lanes.load(x + i * channels);
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p)
      if (i >= p * kStride && i < p * kStride + kTaps)
        sums[p] = fma(pixel, weights[i - p * kStride], sums[p]);
  }
}

// The same for any taps.
template <int kPixels, class Lanes>
inline void add_any_taps(const WindowLine& line, int64_t taps, const float* x, const float* w,
                         Lanes lanes, Vector (&sums)[kPixels]) {
  const int64_t step = line.stride * line.channels;
  for (int64_t k = 0; k < taps; ++k) {
    const Vector weight = lanes.load(w + k * line.channels);
    const float* pixel = x + k * line.dilation * line.channels;
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) sums[p] = fma(lanes.load(pixel + p * step), weight, sums[p]);
  }
}

// The taps of outputs [o, o + kPixels). kTaps and kStride are 0 where they are not known.
template <int kTaps, int kStride, int kPixels>
inline void depthwise_pixels(const Depthwise& d, int64_t o, Taps taps) {
  const int64_t channels = d.line.channels;
  const int64_t from =
      (o * d.line.stride - d.line.before + taps.first * d.line.dilation) * channels;
  each_vector_of(d.part.channel, d.part.channel_end, [&](auto lanes, int64_t c) {
    const int64_t to = o * channels + c;
    const Vector start = d.bias ? lanes.load(d.bias + c) : Vector::zero();
    Vector sums[kPixels];
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) sums[p] = start;
    for (int64_t i = 0; i < d.count; ++i) {
      const float* x = d.inputs[i].pixels + from + c;
      const float* w = d.inputs[i].weights + taps.first * channels + c;
      if constexpr (kTaps > 0)
        add_taps<kTaps, kStride>(x, w, channels, lanes, sums);
      else
        add_any_taps(d.line, taps.end - taps.first, x, w, lanes, sums);
    }
    if (d.added) {
#pragma GCC unroll 8
      for (int p = 0; p < kPixels; ++p) sums[p] = sums[p] + lanes.load(d.added + to + p * channels);
    }
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p)
      lanes.store(min(d.high, max(d.low, sums[p])), d.y + to + p * channels);
  });
}

template <int kTaps, int kStride>
void depthwise_line(const Depthwise& d) {
  walk<8>(
      d.line, d.part,
      [&]<int kPixels>(Pixels<kPixels>, int64_t o) {
        depthwise_pixels<kTaps, kStride, kPixels>(d, o, {0, d.line.taps});
      },
      [&](int64_t o, Taps taps) { depthwise_pixels<0, 0, 1>(d, o, taps); });
}

inline void depthwise_any_line(const Depthwise& d) {
  const auto is = [&](int64_t taps, int64_t stride) {
    return d.line.taps == taps && d.line.stride == stride && (taps == 1 || d.line.dilation == 1);
  };
  if (is(3, 1)) return depthwise_line<3, 1>(d);
  if (is(3, 2)) return depthwise_line<3, 2>(d);
  if (is(5, 1)) return depthwise_line<5, 1>(d);
  if (is(5, 2)) return depthwise_line<5, 2>(d);
  if (is(1, 1)) return depthwise_line<1, 1>(d);
  return depthwise_line<0, 0>(d);
}

void depthwise(const WindowLine& line, const InputLine* inputs, int64_t count,
               const WindowPart& part, const Epilogue& e, float* y) {
  const float infinity = __builtin_inff();
  const bool relu = e.activation == Activation::relu, clip = e.activation == Activation::clip;
  depthwise_any_line({.line = line,
                      .inputs = inputs,
                      .count = count,
                      .part = part,
                      .bias = e.bias,
                      .added = e.added,
                      .low = Vector::all(relu   ? 0.0f
                                         : clip ? e.low
                                                : -infinity),
                      .high = Vector::all(clip ? e.high : infinity),
                      .y = y});
  if (e.activation == Activation::none || relu || clip) return;
  const Epilogue rest{.activation = e.activation};
  finish_rows(rest, y + part.first * line.channels + part.channel, line.channels,
              part.last - part.first, part.channel_end - part.channel, 0, nullptr);
}

}  // namespace
}  // namespace hone::kernels
