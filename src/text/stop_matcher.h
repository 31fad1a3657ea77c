// Finds stop strings in text that comes piece by piece, and holds back what might become one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone {

class StopMatcher {
 public:
  // At most 64 strings of at most 4096 bytes; empty ones are refused.
  static Result<StopMatcher> make(std::vector<std::string> stops);
  StopMatcher() = default;  // never stops

  // What may be shown now: the text up to the stop string that is complete first, and without a
  // tail that may be the beginning of one. Pieces may be cut anywhere.
  std::string feed(std::string_view text);
  // At the end of the text: what was held back.
  std::string finish();

  bool stopped() const { return stopped_.has_value(); }
  // The one that was found.
  const std::string& stop() const { return stops_[*stopped_]; }

 private:
  explicit StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {}
  std::vector<std::string> stops_;
  std::string held_;
  std::optional<size_t> stopped_;
};

}  // namespace hone
