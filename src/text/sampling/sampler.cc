#include "text/sampling/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "text/grammar/token_trie.h"
#include "text/sampling/candidates.h"
#include "text/sampling/early.h"
#include "text/sampling/penalties.h"
#include "text/sampling/philox.h"
#include "text/sampling/truncation.h"

namespace hone {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
// Logits divided by less than this leave the range of floats; the most likely token is all that
// has a chance then.
constexpr float kGreedy = 1e-6f;

// Draws of one token.
enum Draw : uint32_t { kToken = 0, kXtc = 1 };

void forbid_others(std::span<float> logits, const TokenMask& allowed) {
  const auto words = allowed.words();
  for (size_t begin = 0; begin < logits.size(); begin += 64) {
    const uint64_t word = begin / 64 < words.size() ? words[begin / 64] : 0;
    if (word == ~uint64_t{0}) continue;
    const size_t end = std::min(begin + 64, logits.size());
    for (size_t i = begin; i < end; ++i) {
      if ((word >> (i - begin) & 1) == 0) logits[i] = kNone;
    }
  }
}

// Whether the logits of the model are taken as they are.
bool untouched(const SamplingOptions& o, const TokenMask* allowed) {
  return allowed == nullptr && o.logit_bias.empty() && o.repeat_penalty == 1 &&
         o.frequency_penalty == 0 && o.presence_penalty == 0 && o.dry_multiplier == 0;
}

float least_by_sigma(std::span<const float> logits, float n) {
  double sum = 0;
  size_t count = 0;
  for (const float x : logits) {
    if (!(x > kNone)) continue;
    sum += x;
    ++count;
  }
  const double mean = sum / static_cast<double>(count);
  double squares = 0;
  for (const float x : logits) {
    if (x > kNone) squares += (x - mean) * (x - mean);
  }
  return static_cast<float>(largest(logits) - n * std::sqrt(squares / static_cast<double>(count)));
}

// As few of the most likely as hold the probability p of all, found without sorting the rest.
// `total` is the logarithm of the sum over all.
std::vector<Candidate> candidates_of_mass(std::span<const float> logits, double total, double p) {
  for (size_t count = 256;; count *= 8) {
    std::vector<Candidate> made = first_candidates(logits, count);
    double mass = 0;
    for (const Candidate& c : made) mass += std::exp(c.logit - total);
    // A little more than p, because the softmax among these is taken once more.
    if (made.size() < count || mass >= p + 1e-6) return made;
  }
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options, uint64_t request)
    : options_(std::make_shared<const SamplingOptions>(options)),
      request_(request),
      mu_(2 * options.mirostat_tau) {}

void Sampler::accept(int32_t token) { history_.push_back(token); }

namespace {

// The candidates that the chain looks at, in order.
std::vector<Candidate> first_step(const SamplingOptions& o, std::span<const float> logits) {
  std::vector<Candidate> made;
  if (o.top_n_sigma >= 0) {
    made = candidates_from(logits, least_by_sigma(logits, o.top_n_sigma));
    if (o.top_k > 0 && made.size() > static_cast<size_t>(o.top_k)) {
      made.resize(static_cast<size_t>(o.top_k));
    }
  } else if (o.top_k > 0) {
    made = first_candidates(logits, static_cast<size_t>(o.top_k));
  } else if (o.typical_p >= 1 && o.top_p < 1) {
    // The whole softmax decides what top_p keeps.
    const double total = log_sum_exp(logits, largest(logits));
    made = candidates_of_mass(logits, total, o.top_p);
    double sum = 0;
    for (size_t i = 0; i < made.size(); ++i) {
      sum += std::exp(made[i].logit - total);
      if (sum >= o.top_p) {
        made.resize(i + 1);
        break;
      }
    }
  } else if (o.typical_p >= 1 && o.min_p > 0) {
    made = candidates_from(logits, static_cast<float>(largest(logits) + std::log(o.min_p)));
  } else {
    made = candidates_from(logits, kNone);
  }
  // Infinite logits have no distances; the likeliest is always there.
  return made.empty() ? first_candidates(logits, 1) : made;
}

void truncate(const SamplingOptions& o, double chance, std::vector<Candidate>& made) {
  if (o.typical_p < 1) keep_typical(made, o.typical_p);
  const bool cut = o.top_k == 0 && o.top_n_sigma < 0 && o.typical_p >= 1;  // by first_step()
  if (o.top_p < 1 && !cut) keep_top_p(made, o.top_p);
  if (o.min_p > 0) keep_min_p(made, o.min_p);
  if (o.xtc_probability > 0 && chance < o.xtc_probability) leave_out_top(made, o.xtc_threshold);
}

std::vector<Candidate> mirostat_candidates(const SamplingOptions& o, double mu,
                                           std::span<const float> logits) {
  std::vector<Candidate> made;
  if (o.mirostat == 1) {
    std::vector<Candidate> top = first_candidates(logits, 100);
    for (Candidate& c : top) c.logit = static_cast<float>(c.logit / o.temperature);
    made = first_candidates(logits, mirostat_count(top, mu, logits.size()));
    for (Candidate& c : made) c.logit = static_cast<float>(c.logit / o.temperature);
    return made;
  }
  std::vector<float> scaled(logits.begin(), logits.end());
  for (float& x : scaled) x /= o.temperature;
  // Those whose surprise is at most mu bits.
  const double total = log_sum_exp(scaled, largest(scaled));
  made = candidates_from(scaled, static_cast<float>(total - mu * std::log(2.0)));
  return made.empty() ? first_candidates(scaled, 1) : made;
}

}  // namespace

Result<Sampled> Sampler::sample(std::span<const float> given, uint32_t position,
                                const TokenMask* allowed) {
  const SamplingOptions& o = *options_;
  std::vector<float> changed;
  std::span<const float> logits = given;
  if (!untouched(o, allowed)) {
    changed.assign(given.begin(), given.end());
    for (const LogitBias& bias : o.logit_bias) {
      if (static_cast<size_t>(bias.token) < changed.size()) {
        changed[static_cast<size_t>(bias.token)] += bias.bias;
      }
    }
    penalize(o, history_, changed);
    penalize_repetitions(o, history_, changed);
    if (allowed != nullptr) forbid_others(changed, *allowed);
    logits = changed;
  }
  Sampled result;
  const int32_t top = most_likely(logits);
  if (top < 0) {
    return fail(ErrorId::bad_value,
                allowed != nullptr
                    ? "no token is left that the grammar, the biases and the model allow"
                    : "the model gives no token a chance: all logits are NaN or -infinity");
  }
  if (o.temperature < kGreedy || (o.top_k == 1 && o.mirostat == 0)) {
    result.token = top;
  } else if (Early known = early(o, logits, uniform(o.seed, request_, position, kToken), mu_);
             known.chosen) {
    result.token = known.chosen->token;
    if (o.mirostat != 0) mu_ -= o.mirostat_eta * (known.chosen->surprise - o.mirostat_tau);
  } else {
    std::vector<Candidate> candidates = std::move(known.kept);
    if (o.mirostat != 0) {
      if (candidates.empty()) candidates = mirostat_candidates(o, mu_, logits);
    } else {
      if (candidates.empty()) {
        candidates = first_step(o, logits);
        truncate(o, uniform(o.seed, request_, position, kXtc), candidates);
      }
      apply_temperature(candidates, o);
    }
    // Where the steps leave nothing, because logits are too large for them.
    if (candidates.empty()) candidates.push_back({top, 0});
    softmax(candidates);
    const size_t chosen = draw(candidates, uniform(o.seed, request_, position, kToken));
    result.token = candidates[chosen].token;
    if (o.mirostat != 0) {
      const double surprise = -std::log2(candidates[chosen].probability);
      mu_ -= o.mirostat_eta * (static_cast<float>(surprise) - o.mirostat_tau);
    }
  }
  if (o.top_logprobs >= 0) {
    const double total = log_sum_exp(given, largest(given));
    const auto logprob = [&](float logit) {
      return static_cast<float>(static_cast<double>(logit) - total);
    };
    result.logprob = logprob(given[static_cast<size_t>(result.token)]);
    for (const Candidate& c : first_candidates(given, static_cast<size_t>(o.top_logprobs))) {
      result.top.push_back({c.token, logprob(c.logit)});
    }
  }
  return result;
}

}  // namespace hone
