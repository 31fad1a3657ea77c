// Chooses the next token from logits: the usual chain of samplers, as data.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone {

class TokenMask;

struct LogitBias {
  int32_t token;
  float bias;  // added; -infinity forbids the token
};

// In the order in which they act. Values that switch a step off are named.
struct SamplingOptions {
  std::vector<LogitBias> logit_bias = {};
  // Of tokens among the last `penalty_last_n` (0 none, -1 all): a positive logit is divided by
  // `repeat_penalty`, another one multiplied; then count * frequency + presence is subtracted.
  int32_t penalty_last_n = 64;
  float repeat_penalty = 1;     // 1 off
  float frequency_penalty = 0;  // 0 off
  float presence_penalty = 0;   // 0 off
  // A token that would continue a repetition of n >= allowed_length tokens loses
  // multiplier * base^(n - allowed_length). Repetitions do not cross the tokens `dry_breakers`.
  float dry_multiplier = 0;  // 0 off
  float dry_base = 1.75f;
  int32_t dry_allowed_length = 2;
  int32_t dry_last_n = -1;  // 0 none, -1 all
  std::vector<int32_t> dry_breakers = {};
  float top_n_sigma = -1;  // negative off: keeps logits within n standard deviations of the largest
  int32_t top_k = 40;      // 0 off
  float typical_p = 1;     // 1 off
  float top_p = 0.95f;     // 1 off
  float min_p = 0.05f;     // 0 off
  float xtc_probability = 0;  // 0 off
  float xtc_threshold = 0.1f;
  float temperature = 0.8f;  // below 1e-6: the most likely token
  float dynatemp_range = 0;  // 0 off: temperature +- range by entropy
  float dynatemp_exponent = 1;
  // 1 or 2: replaces everything from top_n_sigma to xtc.
  int32_t mirostat = 0;
  float mirostat_tau = 5;
  float mirostat_eta = 0.1f;

  uint64_t seed = 0;
  int32_t top_logprobs =
      -1;  // -1: no log-probabilities; 0: of the token; n: and of the n most likely
};

// usage errors that name the option.
Status check(const SamplingOptions& options);

struct TokenLogprob {
  int32_t token;
  float logprob;
};

struct Sampled {
  int32_t token = -1;
  // Under the model's own distribution: the softmax of the logits as they were given. Zero where
  // not asked for.
  float logprob = 0;
  std::vector<TokenLogprob> top = {};  // most likely first; ties by lowest id
};

// The state of one sequence: its tokens and mirostat's. A copy is independent, so that speculation
// can go back. Results depend on options, request, position, tokens and logits alone.
class Sampler {
 public:
  // The options were checked. `request` tells requests of the same seed apart.
  Sampler(const SamplingOptions& options, uint64_t request = 0);
  Sampler(const Sampler&) = default;
  Sampler& operator=(const Sampler&) = default;
  Sampler(Sampler&&) = default;
  Sampler& operator=(Sampler&&) = default;

  const SamplingOptions& options() const { return *options_; }

  // A token of the prompt, or one that came of sample(): what the penalties look back at.
  void accept(int32_t token);
  // Logits of the whole vocabulary; `position` is that of the new token in its sequence. Tokens
  // outside `allowed` are not taken. Fails where no token is left, or all logits are NaN.
  Result<Sampled> sample(std::span<const float> logits, uint32_t position,
                         const TokenMask* allowed = nullptr);

 private:
  std::shared_ptr<const SamplingOptions> options_;
  uint64_t request_;
  std::vector<int32_t> history_;
  float mu_;  // of mirostat
};

// The tokens that hold one of these, for SamplingOptions::dry_breakers. Usual are "\n", ":", "\"",
// "*".
std::vector<int32_t> tokens_with(std::span<const std::string_view> pieces,
                                 std::span<const std::string_view> breakers);

}  // namespace hone
