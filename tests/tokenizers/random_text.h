// Random texts of all scripts for comparisons of tokenizers.
#pragma once

#include <array>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"

namespace hone::testing {

class RandomText {
 public:
  explicit RandomText(uint64_t seed) : generator_(seed) {}

  size_t below(size_t n) { return generator_() % n; }

  char32_t character() {
    constexpr std::array<std::pair<char32_t, char32_t>, 26> kRanges{{
        {0x20, 0x7e},       {0x20, 0x7e},       {0x61, 0x7a},     {0x61, 0x7a},
        {0x20, 0x20},       {0x9, 0xd},         {0x30, 0x39},     {0x27, 0x27},
        {0xa0, 0x17f},      {0x17f, 0x17f},     {0x300, 0x36f},   {0x370, 0x4ff},
        {0x590, 0x6ff},     {0x900, 0x97f},     {0xe00, 0xe7f},   {0x1100, 0x11ff},
        {0x1e00, 0x1fff},   {0x2000, 0x206f},   {0x2070, 0x22ff}, {0x2581, 0x2581},
        {0x3000, 0x30ff},   {0x4e00, 0x4fff},   {0xac00, 0xacff}, {0xfb00, 0xffef},
        {0x1d400, 0x1d4ff}, {0x1f1e6, 0x1f64f},
    }};
    const auto [low, high] = kRanges[below(kRanges.size())];
    return low + static_cast<char32_t>(below(high - low + 1));
  }

  // Words of `words`, characters, and spaces between them.
  std::string text(const std::vector<std::string>& words, size_t most = 12) {
    std::string out;
    for (size_t i = below(most) + 1; i > 0; --i) {
      if (!words.empty() && below(2) == 0) {
        out += words[below(words.size())];
      } else {
        for (size_t n = below(6) + 1; n > 0; --n) append_utf8(out, character());
      }
      if (below(3) != 0) out += std::string(below(8) == 0 ? 2 : 1, ' ');
    }
    return out;
  }

  // Any bytes, mostly with characters among them.
  std::string bytes() {
    std::string out;
    for (size_t i = below(20) + 1; i > 0; --i) {
      if (below(3) == 0)
        out += static_cast<char>(below(256));
      else
        append_utf8(out, character());
    }
    return out;
  }

 private:
  std::mt19937_64 generator_;
};

}  // namespace hone::testing
