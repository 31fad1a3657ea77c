#include "text/sampling/penalties.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace hone {
namespace {

std::span<const int32_t> last(std::span<const int32_t> history, int32_t count) {
  if (count < 0 || static_cast<size_t>(count) >= history.size()) return history;
  return history.last(static_cast<size_t>(count));
}

bool known(int32_t token, std::span<const float> logits) {
  return token >= 0 && static_cast<size_t>(token) < logits.size();
}

}  // namespace

void penalize(const SamplingOptions& options, std::span<const int32_t> history,
              std::span<float> logits) {
  if (options.repeat_penalty == 1 && options.frequency_penalty == 0 &&
      options.presence_penalty == 0) {
    return;
  }
  const auto seen = last(history, options.penalty_last_n);
  std::vector<int32_t> tokens(seen.begin(), seen.end());
  std::sort(tokens.begin(), tokens.end());
  for (size_t begin = 0; begin < tokens.size();) {
    size_t end = begin;
    while (end < tokens.size() && tokens[end] == tokens[begin]) ++end;
    if (known(tokens[begin], logits)) {
      float& logit = logits[static_cast<size_t>(tokens[begin])];
      logit = logit > 0 ? logit / options.repeat_penalty : logit * options.repeat_penalty;
      logit -=
          static_cast<float>(end - begin) * options.frequency_penalty + options.presence_penalty;
    }
    begin = end;
  }
}

void penalize_repetitions(const SamplingOptions& options, std::span<const int32_t> history,
                          std::span<float> logits) {
  if (options.dry_multiplier == 0 || options.dry_base < 1 || options.dry_last_n == 0) return;
  std::vector<int32_t> breakers = options.dry_breakers;
  std::sort(breakers.begin(), breakers.end());
  const auto breaks = [&](int32_t token) {
    return std::binary_search(breakers.begin(), breakers.end(), token);
  };
  const auto seen = last(history, options.dry_last_n);
  if (seen.size() < 2) return;
  // The longest end that repeats: lengths[i] is how far what ends before place i equals the end of
  // all. The Z function of the reversed history, cut at breakers, finds them in linear time.
  std::vector<int32_t> reversed(seen.rbegin(), seen.rend());
  const size_t stop = static_cast<size_t>(std::find_if(reversed.begin(), reversed.end(), breaks) -
                                          reversed.begin());
  const size_t count = reversed.size();
  std::vector<size_t> lengths(count, 0);
  for (size_t i = 1, left = 0, right = 0; i < count; ++i) {
    size_t length = i < right ? std::min(right - i, lengths[i - left]) : 0;
    while (i + length < count && reversed[length] == reversed[i + length]) ++length;
    lengths[i] = length;
    if (i + length > right) {
      left = i;
      right = i + length;
    }
  }
  // The token that followed each place, and its longest repetition.
  std::vector<std::pair<int32_t, size_t>> follows;
  for (size_t i = 1; i < count; ++i) {
    const size_t length = std::min(lengths[i], stop);
    if (length >= static_cast<size_t>(options.dry_allowed_length)) {
      follows.emplace_back(reversed[i - 1], length);
    }
  }
  std::sort(follows.begin(), follows.end());
  for (size_t i = 0; i < follows.size(); ++i) {
    if (i + 1 < follows.size() && follows[i + 1].first == follows[i].first)
      continue;  // not longest
    if (!known(follows[i].first, logits)) continue;
    const auto over = static_cast<double>(follows[i].second) - options.dry_allowed_length;
    // Beyond this, floats would overflow; the token is as good as forbidden anyway.
    const double penalty =
        std::min(1e30, options.dry_multiplier * std::pow(options.dry_base, over));
    logits[static_cast<size_t>(follows[i].first)] -= static_cast<float>(penalty);
  }
}

}  // namespace hone
