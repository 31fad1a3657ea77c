// Pooling with the vectors of the including file's instruction set. Windows are combined first down
// the columns of pixels, then along them, so that neighbours share columns.
#pragma once

#include "kernels/windows/line_impl.h"

namespace hone::kernels {
namespace {

struct Largest {
  static Vector start() { return Vector::all(-__builtin_inff()); }
  // max() gives its second operand where one is NaN: only that of x is lost.
  static Vector combine(Vector best, Vector x) {
#if defined(__AVX512F__)
    const __mmask16 number = _mm512_cmp_ps_mask(x.v, x.v, _CMP_ORD_Q);
    return {_mm512_mask_max_ps(x.v, number, x.v, best.v)};
#else
    return select(is_nan(x), x, max(x, best));
#endif
  }
};
struct Sum {
  static Vector start() { return Vector::zero(); }
  static Vector combine(Vector sum, Vector x) { return sum + x; }
};

struct Pool {
  const WindowLine& line;
  const InputLine* inputs;
  int64_t count;  // not 0
  const WindowPart& part;
  float* y;
};

// Vectors of columns for several outputs fit into the registers of 32 or 16.
constexpr int kPoolOutputs = Vector::kWidth == 16 ? kMostOutputs : 3;

// kCount outputs from `o` on, from their tap `first` on; finish(output, result) before they are
// stored.
template <class Op, int kTaps, int kStride, int kCount, class Finish>
inline void pool_outputs(const Pool& p, int64_t o, int64_t first, Finish finish) {
  constexpr int kColumns = (kCount - 1) * kStride + kTaps;
  const int64_t channels = p.line.channels, count = p.count;
  const int64_t from = (o * p.line.stride - p.line.before + first) * channels;
  const InputLine* inputs = p.inputs;
  float* y = p.y + o * channels;
  each_vector_of(p.part.channel, p.part.channel_end,
                 [=](auto lanes, int64_t c) __attribute__((always_inline)) {
                   Vector columns[kColumns];
#pragma GCC unroll 32
                   for (int i = 0; i < kColumns; ++i)
                     columns[i] = lanes.load(inputs[0].pixels + from + c + i * channels);
                   for (int64_t n = 1; n < count; ++n) {
                     const float* x = inputs[n].pixels + from + c;
#pragma GCC unroll 32
                     for (int i = 0; i < kColumns; ++i)
                       columns[i] = Op::combine(columns[i], lanes.load(x + i * channels));
                   }
#pragma GCC unroll 8
                   for (int out = 0; out < kCount; ++out) {
                     Vector result = columns[out * kStride];
#pragma GCC unroll 8
                     for (int k = 1; k < kTaps; ++k)
                       result = Op::combine(result, columns[out * kStride + k]);
                     lanes.store(finish(o + out, result), y + out * channels + c);
                   }
                 });
}

// One output with any taps.
template <class Op, class Finish>
inline void pool_output(const Pool& p, int64_t o, Finish finish) {
  const Taps taps = taps_within(p.line, o);
  const int64_t channels = p.line.channels, step = p.line.dilation * channels;
  const int64_t from = (o * p.line.stride - p.line.before) * channels + taps.first * step;
  each_vector_of(p.part.channel, p.part.channel_end, [&](auto lanes, int64_t c) {
    Vector result = Op::start();
    for (int64_t k = 0; k < taps.end - taps.first; ++k) {
      const int64_t at = from + k * step + c;
      Vector column = lanes.load(p.inputs[0].pixels + at);
      for (int64_t n = 1; n < p.count; ++n)
        column = Op::combine(column, lanes.load(p.inputs[n].pixels + at));
      result = k == 0 ? column : Op::combine(result, column);
    }
    lanes.store(finish(o, result), p.y + o * channels + c);
  });
}

template <class Op, int kTaps, int kStride, class Finish>
void pool_line(const Pool& p, Finish finish) {
  walk<kPoolOutputs>(
      p.line, p.part,
      [&]<int kCount>(Count<kCount>, int64_t o) {
        pool_outputs<Op, kTaps, kStride, kCount>(p, o, 0, finish);
      },
      [&](int64_t o) {
        const Taps taps = taps_within(p.line, o);
        if (taps.first == taps.end) return pool_output<Op>(p, o, finish);
        with_count<kTaps>(taps.end - taps.first, [&]<int kThere>(Count<kThere>) {
          pool_outputs<Op, kThere, 1, 1>(p, o, taps.first, finish);
        });
      });
}

template <class Op, class Finish>
void pool_any_line(const Pool& p, Finish finish) {
  if (p.count == 0) {
    for (int64_t o = p.part.first; o < p.part.last; ++o)
      each_vector_of(p.part.channel, p.part.channel_end, [&](auto lanes, int64_t c) {
        lanes.store(finish(o, Op::start()), p.y + o * p.line.channels + c);
      });
    return;
  }
  const auto is = [&](int64_t taps, int64_t stride) {
    return p.line.taps == taps && p.line.stride == stride && p.line.dilation == 1;
  };
  if (is(3, 1)) return pool_line<Op, 3, 1>(p, finish);
  if (is(3, 2)) return pool_line<Op, 3, 2>(p, finish);
  if (is(2, 2)) return pool_line<Op, 2, 2>(p, finish);
  for (int64_t o = p.part.first; o < p.part.last; ++o) pool_output<Op>(p, o, finish);
}

void maximum(const WindowLine& line, const InputLine* inputs, int64_t count, const WindowPart& part,
             float* y) {
  pool_any_line<Largest>({line, inputs, count, part, y}, [](int64_t, Vector best) { return best; });
}

void mean(const WindowLine& line, const InputLine* inputs, int64_t count, const WindowPart& part,
          float lines, const float* columns, float* y) {
  pool_any_line<Sum>({line, inputs, count, part, y}, [=](int64_t o, Vector sum) {
    return sum * Vector::all(1.0f / (lines * columns[o]));
  });
}

}  // namespace
}  // namespace hone::kernels
