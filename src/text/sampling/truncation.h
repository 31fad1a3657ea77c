// The steps of the chain that leave out candidates, or change how likely they are.
#pragma once

#include <vector>

#include "text/sampling/candidates.h"
#include "text/sampling/sampler.h"

namespace hone {

// All take candidates in order and leave them in order; at least one is left.

// Probabilities of the candidates among themselves.
void softmax(std::vector<Candidate>& candidates);
void keep_typical(std::vector<Candidate>& candidates, double p);
void keep_top_p(std::vector<Candidate>& candidates, double p);
void keep_min_p(std::vector<Candidate>& candidates, double p);
// XTC: leaves out all but the least likely of those that are likely enough.
void leave_out_top(std::vector<Candidate>& candidates, double threshold);
// Divides logits by the temperature; with a range, by one that depends on the entropy.
void apply_temperature(std::vector<Candidate>& candidates, const SamplingOptions& options);
// The index of the candidate in whose share of all probability `at` from [0, 1) lies.
size_t draw(const std::vector<Candidate>& candidates, double at);

}  // namespace hone
