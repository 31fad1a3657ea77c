#include "text/stop_matcher.h"

#include <fmt/format.h>

#include <algorithm>

namespace hone {

Result<StopMatcher> StopMatcher::make(std::vector<std::string> stops) {
  constexpr size_t kMost = 64, kLongest = 4096;
  if (stops.size() > kMost) {
    return fail(ErrorId::usage,
                fmt::format("{} stop strings; at most {} are taken", stops.size(), kMost));
  }
  for (const std::string& stop : stops) {
    if (stop.empty() || stop.size() > kLongest) {
      return fail(ErrorId::usage,
                  fmt::format("a stop string of {} bytes; it has to be from 1 to {}", stop.size(),
                              kLongest));
    }
  }
  return StopMatcher(std::move(stops));
}

std::string StopMatcher::feed(std::string_view text) {
  if (stopped_) return {};
  if (stops_.empty()) return std::string(text);
  const size_t old = held_.size();
  held_ += text;
  // The one that is complete first, so that it does not matter in which pieces the text comes.
  size_t first = std::string::npos, first_end = std::string::npos;
  for (size_t i = 0; i < stops_.size(); ++i) {
    // What was held before is the beginning of no stop string but of those that end in the new
    // text.
    const size_t from = old >= stops_[i].size() ? old - stops_[i].size() + 1 : 0;
    const size_t found = held_.find(stops_[i], from);
    if (found == std::string::npos) continue;
    const size_t end = found + stops_[i].size();
    if (end < first_end || (end == first_end && found < first)) {
      first = found;
      first_end = end;
      stopped_ = i;
    }
  }
  if (stopped_) {
    held_.resize(first);
    return std::move(held_);
  }
  // The longest tail that begins a stop string stays.
  size_t keep = 0;
  for (const std::string& stop : stops_) {
    for (size_t length = std::min(stop.size() - 1, held_.size()); length > keep; --length) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, length)))
        keep = length;
    }
  }
  std::string shown = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return shown;
}

std::string StopMatcher::finish() {
  if (stopped_) return {};
  return std::exchange(held_, {});
}

}  // namespace hone
