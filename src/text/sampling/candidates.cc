#include "text/sampling/candidates.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

namespace hone {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
constexpr size_t kBlock = 64;

float block_largest(const float* logits, size_t count) {
  // Lanes of their own, so that compilers use vectors; the largest does not depend on the order.
  constexpr size_t kLanes = 16;
  float lanes[kLanes];
  std::fill(std::begin(lanes), std::end(lanes), kNone);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float x = logits[i + lane];
      lanes[lane] = x > lanes[lane] ? x : lanes[lane];
    }
  }
  float best = kNone;
  for (; i < count; ++i) best = logits[i] > best ? logits[i] : best;
  for (const float x : lanes) best = x > best ? x : best;
  return best;
}

std::vector<float> block_maxima(std::span<const float> logits) {
  std::vector<float> maxima((logits.size() + kBlock - 1) / kBlock);
  for (size_t b = 0; b < maxima.size(); ++b) {
    const size_t begin = b * kBlock;
    maxima[b] = block_largest(logits.data() + begin, std::min(kBlock, logits.size() - begin));
  }
  return maxima;
}

// In the order of ids: those of at least `least`, from blocks that have one.
std::vector<Candidate> collect(std::span<const float> logits, std::span<const float> maxima,
                               float least) {
  std::vector<Candidate> made;
  for (size_t b = 0; b < maxima.size(); ++b) {
    if (!(maxima[b] >= least)) continue;
    const size_t end = std::min((b + 1) * kBlock, logits.size());
    for (size_t i = b * kBlock; i < end; ++i) {
      if (logits[i] >= least && logits[i] > kNone) {
        made.push_back({static_cast<int32_t>(i), logits[i]});
      }
    }
  }
  return made;
}

// Larger logits first, as integers that grow; both zeros are equal.
uint32_t rank_of(float logit) {
  const uint32_t bits = std::bit_cast<uint32_t>(logit == 0 ? 0.0f : logit);
  return (bits >> 31) != 0 ? bits : ~bits & 0x7fffffff;
}

}  // namespace

// Many are sorted digit by digit, each time keeping the order of equal ones: that is the order of
// before().
void sort_by_rank(std::vector<Candidate>& candidates) {
  constexpr size_t kFew = 2048;
  if (candidates.size() < kFew) return std::sort(candidates.begin(), candidates.end(), before);
  constexpr uint32_t kDigit = 11, kDigits = 3, kValues = 1 << kDigit;
  struct Item {
    uint32_t rank;
    int32_t token;
  };
  const size_t n = candidates.size();
  std::vector<Item> items(n), sorted(n);
  std::vector<uint32_t> counts(size_t{kDigits} * kValues);
  for (size_t i = 0; i < n; ++i) {
    items[i] = {rank_of(candidates[i].logit), candidates[i].token};
    for (uint32_t d = 0; d < kDigits; ++d)
      ++counts[d * kValues + (items[i].rank >> (d * kDigit) & (kValues - 1))];
  }
  for (uint32_t d = 0; d < kDigits; ++d) {
    uint32_t* places = counts.data() + size_t{d} * kValues;
    uint32_t at = 0;
    for (uint32_t v = 0; v < kValues; ++v) at += std::exchange(places[v], at);
    for (const Item& item : items)
      sorted[places[item.rank >> (d * kDigit) & (kValues - 1)]++] = item;
    items.swap(sorted);
  }
  // Logits back from the ranks, where there is one for each.
  for (size_t i = 0; i < n; ++i) {
    const uint32_t rank = items[i].rank;
    const uint32_t bits = (rank >> 31) != 0 ? rank : ~rank & 0x7fffffff;
    candidates[i] = {items[i].token, std::bit_cast<float>(bits)};
  }
}

float largest(std::span<const float> logits) { return block_largest(logits.data(), logits.size()); }

int32_t most_likely(std::span<const float> logits) {
  const std::vector<float> maxima = block_maxima(logits);
  const float best = largest(maxima);
  if (best == kNone) return -1;
  const auto block = std::find(maxima.begin(), maxima.end(), best) - maxima.begin();
  const auto found =
      std::find(logits.begin() + block * static_cast<ptrdiff_t>(kBlock), logits.end(), best);
  return static_cast<int32_t>(found - logits.begin());
}

std::vector<Candidate> first_candidates(std::span<const float> logits, size_t k) {
  if (k == 0) return {};
  const std::vector<float> maxima = block_maxima(logits);
  float least = kNone;
  if (k < maxima.size()) {
    // k blocks have an element of at least the k-th largest maximum: no other bound is needed.
    std::vector<float> ranked = maxima;
    std::nth_element(ranked.begin(), ranked.begin() + static_cast<ptrdiff_t>(k), ranked.end(),
                     std::greater<>());
    least = *std::min_element(ranked.begin(), ranked.begin() + static_cast<ptrdiff_t>(k));
  }
  std::vector<Candidate> made = collect(logits, maxima, least);
  // Among many, most of which are wanted, sorting all of them is faster.
  if (made.size() > k && k < made.size() / 8) {
    std::nth_element(made.begin(), made.begin() + static_cast<ptrdiff_t>(k), made.end(), before);
    made.resize(k);
    std::sort(made.begin(), made.end(), before);
    return made;
  }
  sort_by_rank(made);
  if (made.size() > k) made.resize(k);
  return made;
}

std::vector<Candidate> candidates_from(std::span<const float> logits, float least) {
  std::vector<Candidate> made = collect(logits, block_maxima(logits), least);
  sort_by_rank(made);
  return made;
}

double log_sum_exp(std::span<const float> logits, float largest) {
  double sum = 0;
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, logits.size());
    double part = 0;
    for (size_t i = begin; i < end; ++i) {
      // What is so far below adds nothing; NaN neither.
      const float distance = logits[i] - largest;
      if (distance > -80) part += static_cast<double>(std::exp(distance));
    }
    sum += part;
  }
  return static_cast<double>(largest) + std::log(sum);
}

}  // namespace hone
