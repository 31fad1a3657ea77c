// Hashes of tokens and of pairs of ids, keyed so that no file can aim its tokens at one place.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/hash.h"

namespace hone::tokenizer {

// A multiplication of 64 by 64 bits, folded, as in wyhash; the key is random for each process.
class KeyedHash {
 public:
  KeyedHash() : key0_(SeededHash{}("tokens")), key1_(SeededHash{}("pairs")) {}

  uint64_t operator()(std::string_view text) const {
    const char* p = text.data();
    const size_t n = text.size();
    uint64_t a = 0, b = 0, state = key0_;
    if (n >= 8) {
      for (size_t i = 16; i < n; i += 16)
        state = fold(load(p + i - 16) ^ state, load(p + i - 8) ^ key1_);
      a = load(n >= 16 ? p + n - 16 : p);
      b = load(p + n - 8);
    } else if (n >= 4) {
      a = load4(p);
      b = load4(p + n - 4);
    } else if (n > 0) {
      const auto byte = [&](size_t i) { return uint64_t{static_cast<unsigned char>(p[i])}; };
      a = byte(0) << 16 | byte(n / 2) << 8 | byte(n - 1);
    }
    return fold(a ^ state ^ n * 0x9e3779b97f4a7c15, b ^ key1_);
  }
  uint64_t operator()(uint64_t number) const {
    return fold(number ^ key0_, 0x9e3779b97f4a7c15 ^ key1_);
  }

 private:
  static uint64_t load(const char* p) {
    uint64_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
  }
  static uint64_t load4(const char* p) {
    uint32_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
  }
  static uint64_t fold(uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
  uint64_t key0_, key1_;
};

}  // namespace hone::tokenizer
