// Lines of results of a depthwise convolution of bytes, in vectors of 512 bits.
//
// Bytes of four lines under the windows are interleaved once, for all windows that hold them; a
// result is then a dot product for each step along the line. Interleaving works within the four
// parts of a vector, and packing of results undoes it.
#pragma once

#include "kernels/byte_depthwise/byte_depthwise.h"
#include "kernels/integer_gemm/packed_bytes.h"

namespace hone::kernels {
namespace {

constexpr int64_t kLines = 4;     // interleaved
constexpr int64_t kPlane = 7680;  // no multiple of a page's size: stores would hold up loads
// Of lines by fours, and of pixels by their place within a stride.
constexpr int64_t kMostGroups = 4;
constexpr int64_t kMostSteps = 16;  // dot products of a result

struct alignas(64) InterleavedLines {
  uint8_t bytes[kMostGroups][4][kPlane];
};

struct Interleaved {
  __m512i v[4];
  Interleaved() = default;
  explicit Interleaved(const __m512i (&x)[kLines]) {
    const __m512i low = _mm512_unpacklo_epi8(x[0], x[1]), high = _mm512_unpackhi_epi8(x[0], x[1]);
    const __m512i low2 = _mm512_unpacklo_epi8(x[2], x[3]), high2 = _mm512_unpackhi_epi8(x[2], x[3]);
    v[0] = _mm512_unpacklo_epi16(low, low2), v[1] = _mm512_unpackhi_epi16(low, low2);
    v[2] = _mm512_unpacklo_epi16(high, high2), v[3] = _mm512_unpackhi_epi16(high, high2);
  }
};

// The channels of a vector: kWidth of each of 64 / kWidth pixels, of 16 perhaps fewer.
template <int64_t kWidth>
class ChannelVector {
 public:
  static constexpr int64_t kPixels = 64 / kWidth;
  explicit ChannelVector(int64_t channels)
      : channels_(channels), mask_(kWidth > 16 ? __mmask16(0xffff) : first(channels)) {}

  __m512i load(const uint8_t* p, int64_t step) const {
    if constexpr (kWidth == 64) return _mm512_loadu_si512(p);
    if constexpr (kWidth == 32) {
      const auto half = [](const uint8_t* at) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
      };
      return _mm512_inserti64x4(_mm512_castsi256_si512(half(p)), half(p + step), 1);
    }
    const auto part = [&](int64_t i) { return _mm_maskz_loadu_epi8(mask_, p + i * step); };
    __m512i x = _mm512_castsi128_si512(part(0));
    x = _mm512_inserti32x4(x, part(1), 1);
    x = _mm512_inserti32x4(x, part(2), 2);
    return _mm512_inserti32x4(x, part(3), 3);
  }
  // Of `count` pixels.
  void store(__m512i v, uint8_t* p, int64_t step, int64_t count) const {
    if constexpr (kWidth == 64) return _mm512_storeu_si512(p, v);
    if constexpr (kWidth == 32) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_castsi512_si256(v));
      if (count > 1)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + step), _mm512_extracti64x4_epi64(v, 1));
      return;
    }
    _mm_mask_storeu_epi8(p, mask_, _mm512_castsi512_si128(v));
    if (count > 1) _mm_mask_storeu_epi8(p + step, mask_, _mm512_extracti32x4_epi32(v, 1));
    if (count > 2) _mm_mask_storeu_epi8(p + 2 * step, mask_, _mm512_extracti32x4_epi32(v, 2));
    if (count > 3) _mm_mask_storeu_epi8(p + 3 * step, mask_, _mm512_extracti32x4_epi32(v, 3));
  }
  // What belongs to channels, as vector i of interleaved bytes has them.
  __m512i words(const void* of_channels, int64_t i) const {
    const auto part = [&](int64_t p) {
      const int64_t c = p * 16 % kWidth + i * 4, left = channels_ - c;
      const int64_t count = left < 0 ? 0 : left < 4 ? left : 4;
      const auto* from = static_cast<const int32_t*>(of_channels) + (count > 0 ? c : 0);
      return _mm_maskz_loadu_epi32(__mmask8(first(count)), from);
    };
    __m512i x = _mm512_castsi128_si512(part(0));
    x = _mm512_inserti32x4(x, part(1), 1);
    x = _mm512_inserti32x4(x, part(2), 2);
    return _mm512_inserti32x4(x, part(3), 3);
  }

 private:
  static __mmask16 first(int64_t count) { return __mmask16((1u << count) - 1); }
  int64_t channels_;
  __mmask16 mask_;
};

// Some channels of all lines.
template <int64_t kWidth, int kSteps, bool kBias>
class DepthwiseBlock {
 public:
  DepthwiseBlock(const ByteDepthwiseLines& l, InterleavedLines& buffer, int64_t channel,
                 int64_t channels)
      : l_(l), buffer_(buffer), vector_(channels), channel_(channel), channels_(channels) {}

  void run() {
    quads_ = (l_.height + kLines - 1) / kLines;
    steps_ = quads_ * l_.kernel;
    reach_ = (l_.kernel - 1) * l_.dilation / l_.stride + 1;
    for (uint8_t& byte : outside_) byte = l_.outside;
    const IntegerEpilogue& e = *l_.epilogue;
    for (int64_t i = 0; i < 4; ++i) {
      offset_[i] = vector_.words(e.offsets + channel_, i);
      scale_[i] = _mm512_castsi512_ps(vector_.words(e.scales + channel_, i));
      if (kBias) bias_[i] = _mm512_castsi512_ps(vector_.words(e.real.bias + channel_, i));
    }
    read_weights();
    const int64_t most = (kPlane / kWidth - reach_) / kPixels * kPixels;
    const int64_t parts = (l_.out + most - 1) / most;
    const int64_t part = (l_.out + parts - 1) / parts;
    for (int64_t line = 0; line < l_.count; ++line)
      for (int64_t x = 0; x < l_.out; x += part) {
        const int64_t count = x + part < l_.out ? part : l_.out - x;
        interleave(l_.lines + line * l_.height, x, count);
        finish(l_.row + line * l_.out + x, count);
      }
  }

 private:
  using Channels = ChannelVector<kWidth>;
  static constexpr int64_t kPixels = Channels::kPixels;

  void read_weights() {
    int64_t step = 0;
    for (int64_t q = 0; q < quads_; ++q)
      for (int64_t k = 0; k < l_.kernel; ++k, ++step) {
        __m512i w[kLines];
        for (int64_t i = 0; i < kLines; ++i) {
          const int64_t y = q * kLines + i;
          const int8_t* from = l_.weights + (y * l_.kernel + k) * l_.channels + channel_;
          w[i] = y < l_.height ? vector_.load(reinterpret_cast<const uint8_t*>(from), 0)
                               : _mm512_setzero_si512();
        }
        weights_[step] = Interleaved(w);
        const int64_t at = k * l_.dilation;
        from_[step] = buffer_.bytes[q * l_.stride + at % l_.stride][0] + at / l_.stride * kWidth;
      }
  }

  // All pixels under the windows of `count` results from x on.
  void interleave(const uint8_t* const* lines, int64_t x, int64_t count) const {
    const int64_t pixels = reach_ + (count + kPixels - 1) / kPixels * kPixels;
    for (int64_t q = 0; q < quads_; ++q) {
      const uint8_t* line[kLines];
      int64_t step[kLines];
      for (int64_t i = 0; i < kLines; ++i) {
        const int64_t y = q * kLines + i < l_.height ? q * kLines + i : l_.height - 1;
        line[i] = lines[y] ? lines[y] + channel_ : outside_;
        step[i] = lines[y] ? l_.channels : 0;
      }
      for (int64_t phase = 0; phase < l_.stride; ++phase) {
        const auto to = buffer_.bytes[q * l_.stride + phase];
        const int64_t first = x * l_.stride - l_.before + phase;
        for (int64_t i = 0; i < pixels; i += kPixels) {
          const int64_t at = first + i * l_.stride;
          const bool inside = at >= 0 && at + (kPixels - 1) * l_.stride < l_.in;
          __m512i v[kLines];
          if (inside) {
#pragma GCC unroll 4
            for (int k = 0; k < kLines; ++k)
              v[k] = vector_.load(line[k] + at * step[k], l_.stride * step[k]);
          } else {
            for (int k = 0; k < kLines; ++k) v[k] = at_the_edge(line[k], step[k], at);
          }
          const Interleaved all(v);
#pragma GCC unroll 4
          for (int k = 0; k < 4; ++k) _mm512_storeu_si512(to[k] + i * kWidth, all.v[k]);
        }
      }
    }
  }

  // Some of the pixels lie outside of the image.
  __m512i at_the_edge(const uint8_t* line, int64_t step, int64_t at) const {
    if constexpr (kPixels == 1) return _mm512_set1_epi8(char(l_.outside));
    alignas(64) uint8_t bytes[kPixels][kWidth];
    for (auto& pixel : bytes) {
      const bool inside = at >= 0 && at < l_.in;
      vector_.store(vector_.load(inside ? line + at * step : outside_, 0), pixel, 0, 1);
      at += l_.stride;
    }
    return _mm512_load_si512(bytes);
  }

  void finish(int64_t row, int64_t count) const {
    const BytePacking packing(*l_.epilogue);
    const int64_t step = l_.epilogue->row;
    uint8_t* to = l_.epilogue->bytes + row * step + channel_;
    Interleaved weights[kSteps > 0 ? kSteps : 1];
    const uint8_t* from[kSteps > 0 ? kSteps : 1];
    for (int s = 0; s < kSteps; ++s) weights[s] = weights_[s], from[s] = from_[s];
    for (int64_t i = 0; i < count; i += kPixels, to += kPixels * step) {
      __m512i sum[4] = {offset_[0], offset_[1], offset_[2], offset_[3]};
      const auto add = [&](const uint8_t* at, const Interleaved& w) {
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k)
          sum[k] = _mm512_dpbusd_epi32(sum[k], _mm512_loadu_si512(at + k * kPlane), w.v[k]);
      };
      if constexpr (kSteps > 0) {
#pragma GCC unroll 4
        for (int s = 0; s < kSteps; ++s) add(from[s] + i * kWidth, weights[s]);
      } else {
        for (int64_t s = 0; s < steps_; ++s) add(from_[s] + i * kWidth, weights_[s]);
      }
      Integers y[4];
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        // Two roundings, wherever this is compiled.
        Vector number = Vector{_mm512_cvtepi32_ps(sum[k])} * Vector{scale_[k]};
        if (kBias) number = number + Vector{bias_[k]};
        y[k] = nearest(number);
      }
      vector_.store(packing.in_parts(y[0], y[1], y[2], y[3]), to, step, count - i);
    }
  }

  const ByteDepthwiseLines& l_;
  InterleavedLines& buffer_;
  Channels vector_;
  int64_t channel_, channels_;
  int64_t quads_ = 0, steps_ = 0, reach_ = 0;
  __m512i offset_[4];
  __m512 scale_[4], bias_[4];
  Interleaved weights_[kMostSteps];
  const uint8_t* from_[kMostSteps];
  alignas(64) uint8_t outside_[64];
};

template <int kSteps, bool kBias>
void all_channels(const ByteDepthwiseLines& l) {
  InterleavedLines buffer;
  int64_t c = 0;
  for (; c + 64 <= l.channels; c += 64) DepthwiseBlock<64, kSteps, kBias>(l, buffer, c, 64).run();
  if (c + 32 <= l.channels) {
    DepthwiseBlock<32, kSteps, kBias>(l, buffer, c, 32).run();
    c += 32;
  }
  for (; c < l.channels; c += 16) {
    const int64_t channels = l.channels - c < 16 ? l.channels - c : 16;
    DepthwiseBlock<16, kSteps, kBias>(l, buffer, c, channels).run();
  }
}

bool takes_lines(const ByteDepthwiseLines& l) {
  const int64_t quads = (l.height + kLines - 1) / kLines;
  const IntegerEpilogue& e = *l.epilogue;
  return only_limits(e) && e.bounded && quads * l.stride <= kMostGroups &&
         quads * l.kernel <= kMostSteps && (l.kernel - 1) * l.dilation / l.stride <= 60;
}

void depthwise_lines(const ByteDepthwiseLines& l) {
  const bool bias = l.epilogue->real.bias != nullptr;
  if (l.height <= kLines && l.kernel == 3)
    return bias ? all_channels<3, true>(l) : all_channels<3, false>(l);
  return bias ? all_channels<0, true>(l) : all_channels<0, false>(l);
}

}  // namespace
}  // namespace hone::kernels
