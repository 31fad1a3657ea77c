#include "estimate/reuse.h"

#include <algorithm>

namespace hone::estimate {

double ReuseClock::touch_arena(int64_t offset, int64_t bytes) {
  if (bytes <= 0) return 0;
  const auto first = size_t(offset / kPage);
  const size_t last = std::min(arena_.size(), size_t((offset + bytes - 1) / kPage) + 1);
  double sum = 0;
  for (size_t page = first; page < last; ++page) sum += now_ - arena_[page];
  now_ += double(bytes);
  for (size_t page = first; page < last; ++page) arena_[page] = now_;
  return last > first ? sum / double(last - first) : 0;
}

double ReuseClock::touch_place(uint64_t key, int64_t bytes) {
  const auto [it, fresh] = places_.emplace(key, kNever);
  const double distance = now_ - it->second;
  now_ += double(bytes);
  it->second = now_;
  return distance;
}

}  // namespace hone::estimate
