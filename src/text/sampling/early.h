// The token that the steps of a sampler give, from sums instead of sorted candidates, where these
// leave no doubt.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "text/sampling/candidates.h"
#include "text/sampling/sampler.h"

namespace hone {

struct Chosen {
  int32_t token;
  float surprise = 0;  // mirostat: the bits of it
};

// What is known without sorting all: the token; or else, where few candidates are left, these in
// order, as the steps before the temperature (with mirostat, all steps) leave them; or nothing.
struct Early {
  std::optional<Chosen> chosen = {};
  std::vector<Candidate> kept = {};
};

// For a temperature alone, top_p alone, typical_p alone, and mirostat. `at` from [0, 1) says which
// token is drawn.
Early early(const SamplingOptions& options, std::span<const float> logits, double at, double mu);

// Mirostat 1: the exponent of the distribution, estimated from the most likely, gives how many to
// keep.
size_t mirostat_count(const std::vector<Candidate>& top, double mu, size_t vocabulary);

}  // namespace hone
