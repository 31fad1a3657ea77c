#include "text/perplexity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

// One window: tokens from `first` on are foretold from those before them.
Status add_window(Engine& engine, std::span<const int32_t> tokens, int64_t first,
                  PerplexityScore& score) {
  constexpr int64_t kAtOnce = 128;  // logits of so many rows are held
  const ScopedSequence sequence(engine);
  const auto width = size_t(engine.vocabulary());
  for (int64_t at = 0; at + 1 < int64_t(tokens.size()); at += kAtOnce) {
    const int64_t n = std::min(kAtOnce, int64_t(tokens.size()) - 1 - at);
    const Engine::Piece piece{sequence.id(), tokens.subspan(size_t(at), size_t(n)),
                              Engine::Piece::Wanted::all};
    const auto logits = TRY(engine.step({&piece, 1}));
    for (int64_t i = 0; i < n; ++i)
      if (at + i + 1 >= first)
        score.add(logits.subspan(size_t(i) * width, width), tokens[size_t(at + i + 1)]);
  }
  return ok();
}

}  // namespace

double PerplexityScore::error() const {
  if (tokens < 2) return 0;
  const double n = double(tokens), variance = (squares - sum * sum / n) / (n - 1);
  return std::sqrt(std::max(0.0, variance) / n);
}

void PerplexityScore::add(std::span<const float> logits, int32_t token) {
  const float most = *std::ranges::max_element(logits);
  double total = 0;
  for (const float x : logits) total += std::exp(double(x) - double(most));
  const double nll = std::log(total) + double(most) - double(logits[size_t(token)]);
  sum += nll;
  squares += nll * nll;
  right += logits[size_t(token)] == most ? 1 : 0;
  ++tokens;
}

Result<PerplexityScore> score_text(Engine& engine, std::span<const int32_t> tokens,
                                   const PerplexityWindows& windows,
                                   const std::function<void(int64_t, int64_t)>& progress) {
  const auto [window, stride] = windows;
  if (window < 2 || stride < 1 || stride > window)
    return fail(ErrorId::usage, "a window takes at least 2 tokens, a stride 1 to the window");
  if (window > engine.context())
    return fail(ErrorId::usage,
                fmt::format("the window of {} tokens is longer than the context of {}", window,
                            engine.context()));
  const auto count = int64_t(tokens.size());
  if (count < 2) return fail(ErrorId::bad_data, "the text has fewer than two tokens");
  for (const int32_t token : tokens)
    if (token < 0 || token >= engine.vocabulary())
      return fail(ErrorId::bad_data, fmt::format("there is no token {}", token));
  PerplexityScore score;
  for (int64_t begin = 0, scored = 1; scored < count; begin += stride) {
    const int64_t end = std::min(begin + window, count);
    if (progress) progress(begin, count);
    TRY(add_window(engine, tokens.subspan(size_t(begin), size_t(end - begin)), scored - begin,
                   score));
    scored = end;
  }
  return score;
}

}  // namespace hone
