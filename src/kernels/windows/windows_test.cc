// Tests of windows against plain loops, on every instruction set that this machine has.
#include "kernels/windows/windows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kUntouched = -77;

std::vector<const WindowKernels*> all_kernels() {
  std::vector<const WindowKernels*> all{&kWindowsPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kWindowsAvx2);
  if (has_avx512()) all.push_back(&kWindowsAvx512);
#endif
  return all;
}

// Some lines of input under a line of outputs, of odd sizes.
struct Case {
  explicit Case(unsigned seed) : random(seed) {
    const int64_t after = pick(0, 3);
    line = {.pixels = pick(1, 40),
            .channels = pick(1, 70),
            .taps = pick(1, 7),
            .stride = pick(1, 3),
            .dilation = pick(1, 2),
            .before = pick(0, 3)};
    count = pick(0, 4);
    const int64_t room = line.pixels + line.before + after - (line.taps - 1) * line.dilation - 1;
    outputs = room < 0 ? 0 : room / line.stride + 1;
    line = window_line(line, outputs);
    x = floats(count * line.pixels * line.channels);
    weights = floats(count * line.taps * line.channels);
    bias = floats(line.channels);
    added = floats(outputs * line.channels);
    for (int64_t i = 0; i < count; ++i)
      inputs.push_back({x.data() + i * line.pixels * line.channels,
                        weights.data() + i * line.taps * line.channels});
  }

  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }
  std::vector<float> floats(int64_t n) {
    std::vector<float> v(static_cast<size_t>(n));
    for (float& f : v) f = std::uniform_real_distribution<float>(-1, 1)(random);
    return v;
  }

  // Calls f(line of the input, tap, element of x, element of weights) for what output o covers.
  template <class F>
  void each_tap(int64_t o, int64_t channel, F f) const {
    for (int64_t i = 0; i < count; ++i)
      for (int64_t k = 0; k < line.taps; ++k) {
        const int64_t pixel = o * line.stride - line.before + k * line.dilation;
        if (pixel < 0 || pixel >= line.pixels) continue;
        f(inputs[size_t(i)].pixels[pixel * line.channels + channel],
          inputs[size_t(i)].weights[k * line.channels + channel]);
      }
  }

  // The whole line by `run(part, y)`, at once or in random parts.
  template <class Run>
  std::vector<float> in_parts(bool whole, Run run) {
    std::vector<float> y(size_t(outputs * line.channels), kUntouched);
    const int64_t columns = whole ? outputs : pick(1, std::max<int64_t>(1, outputs));
    const int64_t channels = whole ? line.channels : pick(1, line.channels);
    for (int64_t o = 0; o < outputs; o += columns)
      for (int64_t c = 0; c < line.channels; c += channels)
        run({o, std::min(outputs, o + columns), c, std::min(line.channels, c + channels)},
            y.data());
    return y;
  }

  std::mt19937 random;
  WindowLine line{};
  int64_t count = 0, outputs = 0;
  std::vector<float> x, weights, bias, added;
  std::vector<InputLine> inputs;
};

// expect(output, channel) is compared with what `run` gives, in one part and in several.
template <class Run, class Expect>
void compare(Case& c, double tolerance, Run run, Expect expect) {
  const std::vector<float> y = c.in_parts(true, run);
  for (int64_t o = 0; o < c.outputs; ++o)
    for (int64_t ch = 0; ch < c.line.channels; ++ch) {
      const double want = expect(o, ch), got = double(y[size_t(o * c.line.channels + ch)]);
      if (std::isnan(want))
        ASSERT_TRUE(std::isnan(got)) << "output " << o << ", channel " << ch;
      else if (std::isinf(want))
        ASSERT_EQ(got, want) << "output " << o << ", channel " << ch;
      else
        ASSERT_NEAR(got, want, tolerance) << "output " << o << ", channel " << ch;
    }
  const std::vector<float> parts = c.in_parts(false, run);
  ASSERT_TRUE(std::ranges::equal(y, parts, [](float a, float b) {
    return a == b || (std::isnan(a) && std::isnan(b));
  })) << "parts change the result";
}

constexpr unsigned kSeeds = 600;

double activated(const Epilogue& e, double x) {
  switch (e.activation) {
    case Activation::relu: return std::max(x, 0.0);
    case Activation::clip: return std::min(std::max(x, double(e.low)), double(e.high));
    case Activation::silu: return x / (1 + std::exp(-x));
    default: return x;
  }
}

TEST(Windows, DepthwiseSumsProducts) {
  constexpr Activation kActivations[] = {Activation::none, Activation::relu, Activation::clip,
                                         Activation::silu};
  for (const WindowKernels* kernels : all_kernels())
    for (unsigned seed = 0; seed < kSeeds && !::testing::Test::HasFailure(); ++seed) {
      SCOPED_TRACE(seed);
      Case c(seed);
      Epilogue e{.activation = kActivations[seed % 4], .low = -0.5f, .high = 0.75f};
      if (c.pick(0, 1)) e.bias = c.bias.data();
      if (c.pick(0, 2) == 0) e.added = c.added.data();
      compare(
          c, 1e-5,
          [&](const WindowPart& part, float* y) {
            kernels->depthwise(c.line, c.inputs.data(), c.count, part, e, y);
          },
          [&](int64_t o, int64_t ch) {
            double sum = e.bias ? double(e.bias[ch]) : 0;
            if (e.added) sum += double(e.added[o * c.line.channels + ch]);
            c.each_tap(o, ch, [&](float x, float w) { sum += double(x) * double(w); });
            return activated(e, sum);
          });
    }
}

// What lies outside of the line takes no part, whatever its weight.
TEST(Windows, InfiniteWeightsOutsideDoNotCount) {
  for (const WindowKernels* kernels : all_kernels())
    for (int64_t taps : {3, 5, 6}) {
      const std::vector<float> x(5, 1.0f), bias{0};
      std::vector<float> weights(static_cast<size_t>(taps), 1.0f), y(5);
      weights[0] = kInfinity;
      const InputLine input{x.data(), weights.data()};
      const WindowLine line = window_line({.pixels = 5,
                                           .channels = 1,
                                           .taps = taps,
                                           .stride = 1,
                                           .dilation = 1,
                                           .before = taps - 1},
                                          5);
      kernels->depthwise(line, &input, 1, {0, 5, 0, 1}, {}, y.data());
      for (int64_t o = 0; o < 5; ++o)
        EXPECT_EQ(y[size_t(o)], o < taps - 1 ? float(o + 1) : kInfinity) << o;
    }
}

TEST(Windows, NaNPassesEveryActivation) {
  for (const WindowKernels* kernels : all_kernels())
    for (Activation a : {Activation::none, Activation::relu, Activation::clip}) {
      const float x = NAN, w = 1;
      float y = 0;
      const InputLine input{&x, &w};
      const WindowLine line =
          window_line({.pixels = 1, .channels = 1, .taps = 1, .stride = 1, .dilation = 1}, 1);
      kernels->depthwise(line, &input, 1, {0, 1, 0, 1}, {.activation = a, .high = 6}, &y);
      EXPECT_TRUE(std::isnan(y));
    }
}

TEST(Windows, TheLargestWins) {
  constexpr float kSpecial[] = {NAN, kInfinity, -kInfinity};
  for (const WindowKernels* kernels : all_kernels())
    for (unsigned seed = 0; seed < kSeeds && !::testing::Test::HasFailure(); ++seed) {
      SCOPED_TRACE(seed);
      Case c(seed);
      for (int i = 0; i < 3 && seed % 3 == 0 && !c.x.empty(); ++i)
        c.x[size_t(c.pick(0, int64_t(c.x.size()) - 1))] = kSpecial[i];
      compare(
          c, 0,
          [&](const WindowPart& part, float* y) {
            kernels->maximum(c.line, c.inputs.data(), c.count, part, y);
          },
          [&](int64_t o, int64_t ch) {
            double best = -std::numeric_limits<double>::infinity();
            c.each_tap(o, ch, [&](float x, float) {
              if (double(x) > best || std::isnan(x)) best = double(x);
            });
            return best;
          });
    }
}

TEST(Windows, MeansAreOfWhatCounts) {
  for (const WindowKernels* kernels : all_kernels())
    for (unsigned seed = 0; seed < kSeeds && !::testing::Test::HasFailure(); ++seed) {
      SCOPED_TRACE(seed);
      Case c(seed);
      std::vector<float> columns;
      for (int64_t o = 0; o < c.outputs; ++o) columns.push_back(float(c.pick(1, 7)));
      compare(
          c, 1e-5,
          [&](const WindowPart& part, float* y) {
            kernels->mean(c.line, c.inputs.data(), c.count, part, 3, columns.data(), y);
          },
          [&](int64_t o, int64_t ch) {
            double sum = 0;
            c.each_tap(o, ch, [&](float x, float) { sum += double(x); });
            return sum / 3 / double(columns[size_t(o)]);
          });
    }
}

}  // namespace
}  // namespace hone::kernels
