// Depthwise convolution with the vectors of the including file's instruction set.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/windows/line_impl.h"

namespace hone::kernels {
namespace {

struct Depthwise {
  WindowLine line;
  const InputLine* inputs;
  int64_t count;
  WindowPart part;
  const float* bias;
  const float* added;
  Vector low, high;  // every activation that is not a clip comes later
  float* y;
};

// Adds the taps of one input line to the sums of outputs side by side, from the pixel x under the
// first of them on. A pixel is loaded once for all outputs that it is under.
template <int kTaps, int kStride, int kCount, class Lanes>
inline void add_taps(const float* x, const float* w, int64_t channels, Lanes lanes,
                     Vector (&sums)[kCount]) {
  Vector weights[kTaps];
#pragma GCC unroll 8
  for (int k = 0; k < kTaps; ++k) weights[k] = lanes.load(w + k * channels);
#pragma GCC unroll 32
  for (int i = 0; i < (kCount - 1) * kStride + kTaps; ++i) {
    Vector pixel = lanes.load(x + i * channels);
    keep(pixel);
#pragma GCC unroll 8
    for (int p = 0; p < kCount; ++p)
      if (i >= p * kStride && i < p * kStride + kTaps)
        sums[p] = fma(pixel, weights[i - p * kStride], sums[p]);
  }
}

// The same for any taps; `step` between the pixels of two outputs, `tap` between those of two taps.
template <int kCount, class Lanes>
inline void add_any_taps(const float* x, int64_t step, int64_t tap, const float* w,
                         int64_t channels, int64_t taps, Lanes lanes, Vector (&sums)[kCount]) {
  for (int64_t k = 0; k < taps; ++k, x += tap, w += channels) {
    const Vector weight = lanes.load(w);
#pragma GCC unroll 8
    for (int p = 0; p < kCount; ++p) sums[p] = fma(lanes.load(x + p * step), weight, sums[p]);
  }
}

// Calls add(x, w, lanes, sums) for each line of the input and finishes what that gives for outputs
// from `o` on. x is where tap `first` of output o is, w its weight.
template <int kCount, class Add>
inline __attribute__((always_inline)) void sum_outputs(const Depthwise& d, int64_t o, int64_t first,
                                                       Add add) {
  const int64_t channels = d.line.channels, count = d.count;
  const int64_t from = (o * d.line.stride - d.line.before + first * d.line.dilation) * channels;
  const int64_t weights = first * channels;
  const InputLine* inputs = d.inputs;
  const float *bias = d.bias, *added = d.added ? d.added + o * channels : nullptr;
  float* y = d.y + o * channels;
  const Vector low = d.low, high = d.high;
  each_vector_of(d.part.channel, d.part.channel_end,
                 [=](auto lanes, int64_t c) __attribute__((always_inline)) {
                   const Vector start = bias ? lanes.load(bias + c) : Vector::zero();
                   Vector sums[kCount];
#pragma GCC unroll 8
                   for (int p = 0; p < kCount; ++p) sums[p] = start;
                   for (int64_t i = 0; i < count; ++i)
                     add(inputs[i].pixels + from + c, inputs[i].weights + weights + c, lanes, sums);
                   if (added) {
#pragma GCC unroll 8
                     for (int p = 0; p < kCount; ++p)
                       sums[p] = sums[p] + lanes.load(added + c + p * channels);
                   }
#pragma GCC unroll 8
                   for (int p = 0; p < kCount; ++p)
                     lanes.store(min(high, max(low, sums[p])), y + c + p * channels);
                 });
}

// kCount outputs, all with the same taps.
template <int kTaps, int kStride, int kCount>
inline void depthwise_outputs(const Depthwise& d, int64_t o, int64_t first) {
  const int64_t channels = d.line.channels;
  sum_outputs<kCount>(d, o, first,
                      [=](const float* x, const float* w, auto lanes, auto& sums)
                          __attribute__((always_inline)) {
                            add_taps<kTaps, kStride>(x, w, channels, lanes, sums);
                          });
}
template <int kCount>
inline void depthwise_outputs(const Depthwise& d, int64_t o, Taps taps) {
  const int64_t channels = d.line.channels, count = taps.end - taps.first;
  const int64_t step = d.line.stride * channels, tap = d.line.dilation * channels;
  sum_outputs<kCount>(d, o, taps.first,
                      [=](const float* x, const float* w, auto lanes, auto& sums)
                          __attribute__((always_inline)) {
                            add_any_taps(x, step, tap, w, channels, count, lanes, sums);
                          });
}

// The taps lie side by side.
template <int kTaps, int kStride>
void depthwise_line(const Depthwise& d) {
  walk<kMostOutputs>(
      d.line, d.part,
      [&]<int kCount>(Count<kCount>, int64_t o) {
        depthwise_outputs<kTaps, kStride, kCount>(d, o, 0);
      },
      [&](int64_t o) {
        const Taps taps = taps_within(d.line, o);
        if (taps.first == taps.end) return depthwise_outputs<1>(d, o, taps);
        with_count<kTaps>(taps.end - taps.first, [&]<int kThere>(Count<kThere>) {
          depthwise_outputs<kThere, 1, 1>(d, o, taps.first);
        });
      });
}

void depthwise_line_of_any(const Depthwise& d) {
  walk<kMostOutputs>(
      d.line, d.part,
      [&]<int kCount>(Count<kCount>, int64_t o) {
        depthwise_outputs<kCount>(d, o, Taps{0, d.line.taps});
      },
      [&](int64_t o) { depthwise_outputs<1>(d, o, taps_within(d.line, o)); });
}

void depthwise_any_line(const Depthwise& d) {
  const auto is = [&](int64_t taps, int64_t stride) {
    return d.line.taps == taps && d.line.stride == stride && (taps == 1 || d.line.dilation == 1);
  };
  if (is(3, 1)) return depthwise_line<3, 1>(d);
  if (is(3, 2)) return depthwise_line<3, 2>(d);
  if (is(5, 1)) return depthwise_line<5, 1>(d);
  if (is(5, 2)) return depthwise_line<5, 2>(d);
  if (is(7, 1)) return depthwise_line<7, 1>(d);
  if (is(1, 1)) return depthwise_line<1, 1>(d);
  depthwise_line_of_any(d);
}

void depthwise(const WindowLine& line, const InputLine* inputs, int64_t count,
               const WindowPart& part, const Epilogue& e, float* y) {
  const float infinity = __builtin_inff();
  const bool relu = e.activation == Activation::relu, clip = e.activation == Activation::clip;
  const Depthwise d{.line = line,
                    .inputs = inputs,
                    .count = count,
                    .part = part,
                    .bias = e.bias,
                    .added = e.added,
                    .low = Vector::all(relu   ? 0.0f
                                       : clip ? e.low
                                              : -infinity),
                    .high = Vector::all(clip ? e.high : infinity),
                    .y = y};
  depthwise_any_line(d);
  if (e.activation == Activation::none || relu || clip) return;
  const Epilogue rest{.activation = e.activation};
  finish_rows(rest, y + part.first * line.channels + part.channel, line.channels,
              part.last - part.first, part.channel_end - part.channel, 0, nullptr);
}

}  // namespace
}  // namespace hone::kernels
