// How long ago bytes were touched: a clock of bytes, and places that remember when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace hone::estimate {

class ReuseClock {
 public:
  explicit ReuseClock(int64_t arena_bytes)
      : arena_(size_t((arena_bytes + kPage - 1) / kPage), kNever) {}

  // Bytes [offset, offset + bytes) of the arena, or the place `key` outside it, are touched. Gives
  // the bytes touched since they were before; the mean, where they differ.
  double touch_arena(int64_t offset, int64_t bytes);
  double touch_place(uint64_t key, int64_t bytes);
  double now() const { return now_; }

 private:
  static constexpr int64_t kPage = 4096;
  static constexpr double kNever = -1e18;
  double now_ = 0;
  std::vector<double> arena_;          // by page
  std::map<uint64_t, double> places_;  // by key
};

}  // namespace hone::estimate
