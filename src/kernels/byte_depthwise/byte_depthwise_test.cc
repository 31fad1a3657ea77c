// Tests of depthwise sums against plain ones, on every instruction set that this machine has.
#include "kernels/byte_depthwise/byte_depthwise.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace hone::kernels
