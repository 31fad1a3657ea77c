// The most likely tokens of a vocabulary, found without sorting all of it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hone {

struct Candidate {
  int32_t token;
  float logit;
  double probability = 0;
};

// More likely first; ties by lowest id. A total order, so that sorting is deterministic.
inline bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

// Sorts what is in the order of ids.
void sort_by_rank(std::vector<Candidate>& candidates);
// The largest logit, NaN passed over; -infinity where there is none.
float largest(std::span<const float> logits);
// The first token with the largest logit; -1 where all are -infinity or NaN.
int32_t most_likely(std::span<const float> logits);
// The k first ones in order; fewer where fewer are above -infinity.
std::vector<Candidate> first_candidates(std::span<const float> logits, size_t k);
// All with a logit of at least `least`, above -infinity, in order.
std::vector<Candidate> candidates_from(std::span<const float> logits, float least);
// ln of the sum of exp(logit), summed in the order of ids in blocks.
double log_sum_exp(std::span<const float> logits, float largest);

}  // namespace hone
