#include "backends/cpu/axis_offsets.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace hone::cpu {
namespace {

// Positions [first, first + count) of an axis that are neighbours in the source too, or outside.
struct Run {
  int64_t first, count, from;
};
std::vector<Run> runs_of(const Integers& offsets, int64_t step) {
  std::vector<Run> runs;
  for (size_t i = 0; i < offsets.size(); ++i) {
    const int64_t from = offsets[i];
    if (!runs.empty()) {
      Run& last = runs.back();
      const int64_t next = last.from < 0 ? -1 : last.from + last.count * step;
      if (from == next) {
        ++last.count;
        continue;
      }
    }
    runs.push_back({int64_t(i), 1, from});
  }
  return runs;
}

template <class T>
class Picker {
 public:
  Picker(const std::byte* x, const std::byte* outside, std::byte* y)
      : x_(reinterpret_cast<const T*>(x)), y_(reinterpret_cast<T*>(y)) {
    std::memcpy(&outside_, outside, sizeof(T));
  }

  // The axes but the last `inner` elements, which stay together.
  void run(const AxisOffsets& offsets, int64_t inner, ThreadPool& pool) const {
    int64_t rows = 1;
    for (size_t i = 0; i + 1 < offsets.size(); ++i) rows *= int64_t(offsets[i].size());
    const Integers& last = offsets.back();
    const auto n = int64_t(last.size());
    const std::vector<Run> runs = runs_of(last, inner);
    pool.parallel_for(rows, std::max<int64_t>(1, kGrain / (n * inner)),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t row = begin; row < end; ++row) {
                          int64_t rest = row, from = 0;
                          for (size_t i = offsets.size() - 1; i-- > 0;) {
                            const auto extent = int64_t(offsets[i].size());
                            const int64_t part = offsets[i][size_t(rest % extent)];
                            from = part < 0 || from < 0 ? -1 : from + part;
                            rest /= extent;
                          }
                          T* to = y_ + row * n * inner;
                          if (from < 0)
                            std::fill_n(to, n * inner, outside_);
                          else if (inner == 1 && int64_t(runs.size()) * 4 > n)
                            single(last, x_ + from, to);
                          else
                            together(runs, inner, x_ + from, to);
                        }
                      });
  }

 private:
  void single(const Integers& offsets, const T* x, T* y) const {
    for (size_t i = 0; i < offsets.size(); ++i) y[i] = offsets[i] < 0 ? outside_ : x[offsets[i]];
  }
  void together(const std::vector<Run>& runs, int64_t inner, const T* x, T* y) const {
    for (const Run& r : runs) {
      T* to = y + r.first * inner;
      if (r.from < 0)
        std::fill_n(to, r.count * inner, outside_);
      else
        std::memcpy(to, x + r.from, size_t(r.count * inner) * sizeof(T));
    }
  }

  const T* x_;
  T* y_;
  T outside_;
};

// Does the axis stay as it is?
bool is_whole(const Integers& offsets, int64_t extent, int64_t stride) {
  if (int64_t(offsets.size()) != extent) return false;
  for (size_t i = 0; i < offsets.size(); ++i)
    if (offsets[i] != int64_t(i) * stride) return false;
  return true;
}

}  // namespace

void pick(const Tensor& x, const AxisOffsets& offsets, const std::byte* outside, Tensor& y,
          ThreadPool& pool) {
  if (y.count() == 0) return;
  AxisOffsets axes = offsets;
  int64_t inner = 1;
  while (!axes.empty() && is_whole(axes.back(), x.shape()[axes.size() - 1], inner)) {
    inner *= x.shape()[axes.size() - 1];
    axes.pop_back();
  }
  if (axes.empty()) axes.push_back({0});
  const auto with = [&]<class T>() {
    Picker<T>(x.data(), outside, y.mutable_data()).run(axes, inner, pool);
  };
  switch (width_of(x)) {
    case 1: return with.operator()<uint8_t>();
    case 2: return with.operator()<uint16_t>();
    case 4: return with.operator()<uint32_t>();
    case 8: return with.operator()<uint64_t>();
    default: return with.operator()<std::array<uint64_t, 2>>();
  }
}

}  // namespace hone::cpu
