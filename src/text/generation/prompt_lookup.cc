#include "text/generation/prompt_lookup.h"

#include <algorithm>

namespace hone {

std::vector<int32_t> guess_from(std::span<const int32_t> history, int64_t most) {
  constexpr size_t kLongest = 4, kShortest = 2;
  if (most <= 0) return {};
  for (size_t n = kLongest; n >= kShortest; --n) {
    if (history.size() <= n) continue;
    const auto tail = history.last(n), before = history.first(history.size() - 1);
    const auto found = std::ranges::find_end(before, tail);
    if (found.empty()) continue;
    const auto at = size_t(found.end() - before.begin());
    const auto follows = history.subspan(at, std::min(size_t(most), history.size() - at));
    return {follows.begin(), follows.end()};
  }
  return {};
}

}  // namespace hone
