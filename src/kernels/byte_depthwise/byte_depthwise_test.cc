// Tests of depthwise sums against plain ones, on every instruction set that this machine has.
#include "kernels/byte_depthwise/byte_depthwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const ByteDepthwiseKernels*> all_kernels() {
  std::vector<const ByteDepthwiseKernels*> all{&kByteDepthwisePortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kByteDepthwiseAvx2);
  if (has_avx512vnni()) all.push_back(&kByteDepthwiseAvx512Vnni);
#endif
  return all;
}

int64_t up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

TEST(ByteDepthwise, SumsAreExact) {
  std::mt19937 random(3);
  for (const int64_t taps : {1, 2, 3, 4, 9, 25})
    for (const int64_t channels : {1, 7, 16, 17, 63, 64, 65, 130}) {
      const bool extreme = random() % 2 == 0;
      std::vector<std::vector<uint8_t>> pixels;
      std::vector<int8_t> weights;
      for (int64_t t = 0; t < taps; ++t) {
        auto& pixel = pixels.emplace_back();
        for (int64_t c = 0; c < channels; ++c) {
          pixel.push_back(extreme ? 255 : uint8_t(random()));
          weights.push_back(extreme ? int8_t{-128} : int8_t(random()));
        }
      }
      for (const ByteDepthwiseKernels* kernels : all_kernels()) {
        std::vector<int8_t> prepared(size_t(kernels->prepared_bytes(taps, channels)));
        kernels->prepare(weights.data(), taps, channels, prepared.data());
        std::vector<const uint8_t*> list;
        for (const auto& pixel : pixels) list.push_back(pixel.data());
        list.resize(size_t(up(taps, kernels->tap_unit)), pixels[0].data());
        std::vector<int32_t> sums(size_t(up(channels, kernels->channel_unit)));
        kernels->sums(list.data(), prepared.data(), taps, channels, sums.data());
        for (int64_t c = 0; c < channels; ++c) {
          int32_t wanted = 0;
          for (int64_t t = 0; t < taps; ++t)
            wanted += pixels[size_t(t)][size_t(c)] * weights[size_t(t * channels + c)];
          ASSERT_EQ(sums[size_t(c)], wanted)
              << taps << " taps, channel " << c << " of " << channels;
        }
      }
    }
}

struct LinesCase {
  int64_t channels, in, kernel, stride, dilation, before, height;
};
constexpr LinesCase kLines[] = {{64, 9, 3, 1, 1, 1, 3},   {16, 7, 3, 2, 1, 1, 3},
                                {33, 12, 3, 1, 1, 0, 3},  {130, 5, 3, 2, 1, 1, 2},
                                {96, 150, 3, 1, 1, 1, 3}, {17, 600, 3, 2, 1, 2, 4},
                                {40, 11, 5, 1, 1, 2, 5},  {65, 13, 2, 3, 2, 1, 1},
                                {5, 4, 1, 1, 1, 0, 1},    {112, 20, 4, 2, 3, 4, 7}};

// The bytes of all results, from their definition.
std::vector<uint8_t> wanted_bytes(const ByteDepthwiseLines& l) {
  const IntegerEpilogue& e = *l.epilogue;
  std::vector<uint8_t> out;
  for (int64_t line = 0; line < l.count; ++line)
    for (int64_t x = 0; x < l.out; ++x)
      for (int64_t c = 0; c < l.channels; ++c) {
        int32_t sum = e.offsets[c];
        for (int64_t h = 0; h < l.height; ++h)
          for (int64_t k = 0; k < l.kernel; ++k) {
            const uint8_t* pixels = l.lines[line * l.height + h];
            const int64_t at = x * l.stride - l.before + k * l.dilation;
            const bool inside = pixels != nullptr && at >= 0 && at < l.in;
            sum += (inside ? pixels[at * l.channels + c] : l.outside) *
                   l.weights[(h * l.kernel + k) * l.channels + c];
          }
        float y = float(sum) * e.scales[c];
        if (e.real.bias) y += e.real.bias[c];
        y = std::min(std::max(y, e.real.low), e.real.high);
        const float byte = std::nearbyint(y) + float(e.zero);
        out.push_back(uint8_t(int(std::clamp(byte, float(e.least), float(e.most)))));
      }
  return out;
}

TEST(ByteDepthwise, LinesOfResultsAreRoundedAsDefined) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> next(-1, 1);
  size_t taken = 0, could = 0;
  for (const LinesCase& t : kLines)
    for (const bool is_signed : {false, true}) {
      const int64_t out = (t.in + 2 * t.before - (t.kernel - 1) * t.dilation - 1) / t.stride + 1;
      std::vector<std::vector<uint8_t>> pixels(size_t(t.height + 1));
      for (auto& line : pixels)
        for (int64_t i = 0; i < t.in * t.channels; ++i) line.push_back(uint8_t(random()));
      std::vector<int8_t> weights;
      for (int64_t i = 0; i < t.height * t.kernel * t.channels; ++i)
        weights.push_back(int8_t(random()));
      std::vector<int32_t> offsets;
      std::vector<float> scales, bias;
      for (int64_t c = 0; c < t.channels; ++c) {
        offsets.push_back(int32_t(random() % 2000) - 1000);
        scales.push_back(0.01f * next(random));
        bias.push_back(20 * next(random));
      }
      // Two lines of results; the first line under the second is outside.
      std::vector<const uint8_t*> lines;
      for (int64_t h = 0; h < t.height; ++h) lines.push_back(pixels[size_t(h)].data());
      lines.push_back(nullptr);
      for (int64_t h = 1; h < t.height; ++h) lines.push_back(pixels[size_t(h + 1)].data());
      const int64_t row = 3, bytes = (row + 2 * out) * t.channels;
      IntegerEpilogue e;
      e.offsets = offsets.data(), e.scales = scales.data();
      if (is_signed) e.real.bias = bias.data();
      e.real.activation = Activation::clip, e.real.low = -70.5f, e.real.high = 90;
      e.finite = e.bounded = true;
      e.row = t.channels;
      e.zero = is_signed ? -3 : 120;
      if (is_signed) e.least = -128, e.most = 127;
      const ByteDepthwiseLines l{
          t.channels, t.in,           out, t.kernel,     t.stride, t.dilation, t.before,
          t.height,   weights.data(), 7,   lines.data(), 2,        &e,         row};
      const std::vector<uint8_t> wanted = wanted_bytes(l);
      for (const ByteDepthwiseKernels* kernels : all_kernels()) {
        std::vector<uint8_t> y(size_t(bytes), uint8_t{77});
        e.bytes = y.data();
        could += kernels->takes != nullptr;
        if (!kernels->takes || !kernels->takes(l)) continue;
        ++taken;
        kernels->lines(l);
        for (int64_t i = 0; i < row * t.channels; ++i) ASSERT_EQ(y[size_t(i)], 77);
        for (size_t i = 0; i < wanted.size(); ++i)
          ASSERT_EQ(y[size_t(row * t.channels) + i], wanted[i])
              << t.channels << " channels, stride " << t.stride << " at " << i;
      }
    }
  EXPECT_EQ(taken, could);
}

}  // namespace
}  // namespace hone::kernels
