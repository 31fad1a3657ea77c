// How well a language model foretells a text.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/result.h"
#include "text/engine/engine.h"

namespace hone {

struct PerplexityScore {
  double sum = 0, squares = 0;    // of negative log-likelihoods
  int64_t tokens = 0, right = 0;  // right: the most likely token was it
  double mean() const { return tokens > 0 ? sum / double(tokens) : 0; }
  double error() const;  // standard error of the mean
  void add(std::span<const float> logits, int32_t token);
};

struct PerplexityWindows {
  int64_t window = 512, stride = 512;
};

// The text is cut into windows. Each token is foretold from those before it in its window; where
// windows overlap, once, by the earlier one. `usage` where windows do not fit the context.
Result<PerplexityScore> score_text(Engine& engine, std::span<const int32_t> tokens,
                                   const PerplexityWindows& windows,
                                   const std::function<void(int64_t done, int64_t all)>& progress);

}  // namespace hone
