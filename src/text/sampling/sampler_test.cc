// Tests of the random numbers, the steps of the chain, and what is drawn.
#include "text/sampling/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>

#include "text/grammar/token_trie.h"
#include "text/sampling/candidates.h"
#include "text/sampling/early.h"
#include "text/sampling/penalties.h"
#include "text/sampling/philox.h"
#include "text/sampling/truncation.h"
#include "text/sampling/weights.h"

namespace hone {
namespace {

using Words = std::array<uint32_t, 4>;

// All steps off.
SamplingOptions plain() {
  SamplingOptions o;
  o.top_k = 0;
  o.top_p = 1;
  o.min_p = 0;
  o.temperature = 1;
  return o;
}

std::vector<float> logits_of(std::initializer_list<double> probabilities) {
  std::vector<float> made;
  for (const double p : probabilities) made.push_back(static_cast<float>(std::log(p)));
  return made;
}

std::vector<Candidate> candidates_of(std::initializer_list<double> probabilities) {
  return candidates_from(logits_of(probabilities), -1e30f);
}

std::vector<int32_t> tokens(const std::vector<Candidate>& candidates) {
  std::vector<int32_t> made;
  for (const Candidate& c : candidates) made.push_back(c.token);
  return made;
}

int32_t token(const SamplingOptions& o, std::span<const float> logits, uint32_t position = 0) {
  Sampler sampler(o);
  const auto made = sampler.sample(logits, position);
  EXPECT_TRUE(made.ok());
  return made.ok() ? made->token : -1;
}

TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Logits leave the range of floats when they are divided by so little.
TEST(Sampler, ATinyTemperatureIsGreedy) {
  SamplingOptions o = plain();
  const std::vector<float> low{-3e38f, -5.0f, -2.0f}, high{3e38f, 1.0f}, deep{-2e35f, -1e35f};
  for (const int32_t mirostat : {0, 1, 2}) {
    o.mirostat = mirostat;
    for (const float temperature : {1e-40f, 1e-7f}) {
      o.temperature = temperature;
      EXPECT_EQ(token(o, low), 2) << mirostat << ", " << temperature;
      EXPECT_EQ(token(o, high), 0) << mirostat << ", " << temperature;
      EXPECT_EQ(token(o, deep), 1) << mirostat << ", " << temperature;
    }
  }
}

TEST(Philox, UniformNumbersFillTheInterval) {
  std::array<int, 16> counts{};
  constexpr int kDraws = 16000;
  for (uint32_t i = 0; i < kDraws; ++i) {
    const double u = uniform(1, 2, i, 0);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++counts[static_cast<size_t>(u * 16)];
  }
  double chi = 0;
  for (const int n : counts) chi += (n - 1000.0) * (n - 1000.0) / 1000.0;
  EXPECT_LT(chi, 37.7);  // 15 degrees of freedom, 0.1 %
  EXPECT_NE(uniform(1, 2, 3, 0), uniform(1, 2, 3, 1));
  EXPECT_NE(uniform(1, 2, 3, 0), uniform(1, 3, 3, 0));
  EXPECT_NE(uniform(1, 2, 3, 0), uniform(uint64_t{1} << 32, 2, 3, 0));
}

TEST(Candidates, TheFirstOnesAreThoseOfASort) {
  std::mt19937 random(7);
  for (const size_t size : {1, 5, 63, 64, 65, 1000, 5000}) {
    std::vector<float> logits(size);
    // Many ties.
    for (float& x : logits) x = static_cast<float>(random() % 50);
    if (size > 4) logits[3] = std::numeric_limits<float>::quiet_NaN();
    std::vector<Candidate> all;
    for (size_t i = 0; i < size; ++i) {
      if (!std::isnan(logits[i])) all.push_back({static_cast<int32_t>(i), logits[i]});
    }
    std::sort(all.begin(), all.end(), before);
    for (const size_t k : {0, 1, 2, 40, 70, 6000}) {
      const auto found = first_candidates(logits, k);
      ASSERT_EQ(found.size(), std::min(k, all.size()));
      for (size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i].token, all[i].token);
    }
    EXPECT_EQ(most_likely(logits), all[0].token);
  }
}

TEST(Candidates, LogSumExp) {
  EXPECT_NEAR(log_sum_exp(logits_of({0.5, 0.25, 0.25}), std::log(0.5f)), 0, 1e-6);
}

TEST(Truncation, TopP) {
  auto c = candidates_of({0.1, 0.4, 0.2, 0.3});
  keep_top_p(c, 0.65);
  EXPECT_EQ(tokens(c), (std::vector<int32_t>{1, 3}));
  keep_top_p(c, 0);
  EXPECT_EQ(tokens(c), (std::vector<int32_t>{1}));
}

TEST(Truncation, MinP) {
  auto c = candidates_of({0.1, 0.4, 0.2, 0.3});
  keep_min_p(c, 0.6);
  EXPECT_EQ(tokens(c), (std::vector<int32_t>{1, 3}));
}

TEST(Truncation, TypicalLeavesOutTheObvious) {
  // Entropy 1.0986 for four of a quarter: with one of 0.97 the surprise of the others is far off.
  auto c = candidates_of({0.97, 0.01, 0.01, 0.01});
  keep_typical(c, 0.5);
  EXPECT_EQ(tokens(c), (std::vector<int32_t>{0}));
  auto d = candidates_of({0.5, 0.2, 0.15, 0.15});
  // Entropy 1.238: nearest are 0.2 (1.609: 0.37), then 0.5 (0.693: 0.54), then 0.15 (1.897: 0.66).
  keep_typical(d, 0.19);
  EXPECT_EQ(tokens(d), (std::vector<int32_t>{1}));
  auto e = candidates_of({0.5, 0.2, 0.15, 0.15});
  keep_typical(e, 0.6);
  EXPECT_EQ(tokens(e), (std::vector<int32_t>{0, 1}));
}

TEST(Truncation, XtcKeepsTheLeastOfTheLikely) {
  auto c = candidates_of({0.4, 0.3, 0.2, 0.1});
  leave_out_top(c, 0.15);
  EXPECT_EQ(tokens(c), (std::vector<int32_t>{2, 3}));
  auto d = candidates_of({0.9, 0.06, 0.04});
  leave_out_top(d, 0.15);
  EXPECT_EQ(tokens(d).size(), 3u);
}

TEST(Truncation, DynamicTemperatureFollowsTheEntropy) {
  SamplingOptions o = plain();
  o.temperature = 1;
  o.dynatemp_range = 0.5f;
  auto flat = candidates_of({0.25, 0.25, 0.25, 0.25});
  const float before_it = flat[0].logit;
  apply_temperature(flat, o);
  EXPECT_NEAR(flat[0].logit, before_it / 1.5f, 1e-5);
  auto sure = candidates_of({0.999999, 0.000001});
  const float low = sure[1].logit;
  apply_temperature(sure, o);
  EXPECT_NEAR(sure[1].logit, low / 0.5f, 0.1);
}

TEST(Truncation, DrawTakesTheShareThatIsHit) {
  auto c = candidates_of({0.5, 0.3, 0.2});
  softmax(c);
  EXPECT_EQ(draw(c, 0.0), 0u);
  EXPECT_EQ(draw(c, 0.499), 0u);
  EXPECT_EQ(draw(c, 0.501), 1u);
  EXPECT_EQ(draw(c, 0.81), 2u);
  EXPECT_EQ(draw(c, 0.9999999999), 2u);
}

TEST(Penalties, RepetitionFrequencyPresence) {
  SamplingOptions o = plain();
  o.repeat_penalty = 2;
  o.frequency_penalty = 0.5f;
  o.presence_penalty = 0.25f;
  o.penalty_last_n = 3;
  std::vector<float> logits{4, 4, -4, 1};
  const std::vector<int32_t> history{3, 0, 2, 0, 99};  // 3 is too long ago, 99 is no token
  o.penalty_last_n = 4;
  penalize(o, history, logits);
  EXPECT_EQ(logits, (std::vector<float>{4 / 2.f - 2 * 0.5f - 0.25f, 4, -8 - 0.75f, 1}));
}

TEST(Penalties, DryGrowsWithTheLengthOfTheRepetition) {
  SamplingOptions o = plain();
  o.dry_multiplier = 1;
  o.dry_base = 2;
  o.dry_allowed_length = 2;
  std::vector<float> logits(10, 0);
  // 1 2 3 came before 4; the end is 1 2 3 again. 2 3 came before 5.
  const std::vector<int32_t> history{1, 2, 3, 4, 7, 2, 3, 5, 1, 2, 3};
  penalize_repetitions(o, history, logits);
  EXPECT_FLOAT_EQ(logits[4], -2);  // length 3: 2^(3-2)
  EXPECT_FLOAT_EQ(logits[5], -1);  // length 2
  EXPECT_EQ(logits[1], 0);
  // A breaker cuts the repetition.
  o.dry_breakers = {2};
  std::vector<float> cut(10, 0);
  penalize_repetitions(o, history, cut);
  EXPECT_EQ(cut, std::vector<float>(10, 0));
}

TEST(Sampler, GreedyTakesTheFirstOfTheMostLikely) {
  SamplingOptions o;
  o.temperature = 0;
  EXPECT_EQ(token(o, std::vector<float>{1, 3, 3, 2}), 1);
  o.temperature = 1;
  o.top_k = 1;
  EXPECT_EQ(token(o, std::vector<float>{1, 3, 3, 2}), 1);
}

TEST(Sampler, BiasAndMaskDecide) {
  SamplingOptions o;
  o.temperature = 0;
  o.logit_bias = {{1, -std::numeric_limits<float>::infinity()}, {7, 1}};
  const std::vector<float> logits{1, 9, 3, 2};
  EXPECT_EQ(token(o, logits), 2);
  TokenMask mask(4);
  mask.set(0);
  mask.set(3);
  Sampler sampler(o);
  EXPECT_EQ(sampler.sample(logits, 0, &mask)->token, 3);
  const TokenMask nothing(4);
  EXPECT_FALSE(sampler.sample(logits, 0, &nothing).ok());
  const std::vector<float> none(4, std::numeric_limits<float>::quiet_NaN());
  EXPECT_FALSE(sampler.sample(none, 0).ok());
}

// Chi-square of what is drawn at many positions against these probabilities.
double chi_square(const SamplingOptions& o, std::span<const float> logits,
                  std::initializer_list<double> expected, int draws = 20000) {
  std::vector<int> counts(logits.size());
  for (int i = 0; i < draws; ++i)
    ++counts[static_cast<size_t>(token(o, logits, static_cast<uint32_t>(i)))];
  double chi = 0;
  size_t i = 0;
  for (const double p : expected) {
    if (p == 0) {
      EXPECT_EQ(counts[i], 0) << i;
    } else {
      chi += (counts[i] - p * draws) * (counts[i] - p * draws) / (p * draws);
    }
    ++i;
  }
  return chi;
}

TEST(Sampler, DrawsFollowTheDistribution) {
  SamplingOptions o = plain();
  o.seed = 42;
  const auto logits = logits_of({0.1, 0.4, 0.2, 0.3});
  EXPECT_LT(chi_square(o, logits, {0.1, 0.4, 0.2, 0.3}), 16.3);  // 3 degrees, 0.1 %
  o.top_k = 2;
  EXPECT_LT(chi_square(o, logits, {0, 4 / 7.0, 0, 3 / 7.0}), 10.8);
  o.top_k = 0;
  o.top_p = 0.65f;
  EXPECT_LT(chi_square(o, logits, {0, 4 / 7.0, 0, 3 / 7.0}), 10.8);
  o.top_p = 1;
  o.min_p = 0.45f;
  EXPECT_LT(chi_square(o, logits, {0, 4 / 9.0, 2 / 9.0, 3 / 9.0}), 13.8);
  o.min_p = 0;
  o.temperature = 0.5f;  // squares
  EXPECT_LT(chi_square(o, logits, {1 / 30.0, 16 / 30.0, 4 / 30.0, 9 / 30.0}), 16.3);
  o.temperature = 1;
  o.xtc_probability = 1;
  o.xtc_threshold = 0.25f;
  EXPECT_LT(chi_square(o, logits, {1 / 6.0, 0, 2 / 6.0, 3 / 6.0}), 13.8);
  o.xtc_probability = 0;
  o.top_n_sigma = 0;
  EXPECT_LT(chi_square(o, logits, {0, 1, 0, 0}), 1e-9);
}

TEST(Sampler, MirostatKeepsTheSurprise) {
  // A distribution with a long tail: without mirostat the mean surprise is 6.6 bits.
  std::vector<float> logits(2000);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = -1.1f * std::log(static_cast<float>(i + 1));
  const double total = log_sum_exp(logits, largest(logits));
  for (const int version : {1, 2}) {
    SamplingOptions o = plain();
    o.mirostat = version;
    o.mirostat_tau = 3;
    Sampler sampler(o);
    double bits = 0;
    constexpr int kDraws = 3000, kSkip = 200;
    for (uint32_t i = 0; i < kDraws + kSkip; ++i) {
      const auto made = sampler.sample(logits, i);
      ASSERT_TRUE(made.ok());
      if (i >= kSkip) bits -= (logits[static_cast<size_t>(made->token)] - total) / std::log(2.0);
    }
    // Of the whole distribution; that of what is left, which mirostat measures, is less.
    EXPECT_GT(bits / kDraws, 2.7) << version;
    EXPECT_LT(bits / kDraws, 5.0) << version;
  }
}

TEST(Sampler, ResultsDependOnSeedRequestAndPositionAlone) {
  SamplingOptions o = plain();
  o.seed = 5;
  const std::vector<float> logits(1000, 1.f);
  Sampler a(o, 1), b(o, 1), other(o, 2);
  std::vector<int32_t> forward, backward(50), third;
  for (uint32_t i = 0; i < 50; ++i) forward.push_back(a.sample(logits, i)->token);
  for (uint32_t i = 50; i-- > 0;) backward[i] = b.sample(logits, i)->token;
  for (uint32_t i = 0; i < 50; ++i) third.push_back(other.sample(logits, i)->token);
  EXPECT_EQ(forward, backward);
  EXPECT_NE(forward, third);
}

TEST(Sampler, ACopyGoesBack) {
  SamplingOptions o;
  o.temperature = 0;
  o.presence_penalty = 5;
  Sampler sampler(o);
  const std::vector<float> logits{3, 2, 1};
  const Sampler before_it = sampler;
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(logits, 1)->token, 1);
  sampler = before_it;
  EXPECT_EQ(sampler.sample(logits, 1)->token, 0);
}

TEST(Sampler, LogProbabilitiesAreThoseOfTheModel) {
  SamplingOptions o;
  o.temperature = 0;
  o.top_logprobs = 2;
  o.logit_bias = {{0, 100}};
  const auto logits = logits_of({0.1, 0.4, 0.2, 0.3});
  Sampler sampler(o);
  const auto made = sampler.sample(logits, 0);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->token, 0);
  EXPECT_NEAR(made->logprob, std::log(0.1), 1e-5);
  ASSERT_EQ(made->top.size(), 2u);
  EXPECT_EQ(made->top[0].token, 1);
  EXPECT_NEAR(made->top[1].logprob, std::log(0.3), 1e-5);
}

TEST(Sampler, TopPWithoutTopKLooksAtTheWholeVocabulary) {
  // The bulk of the probability is in many small ones, more than the first try takes.
  std::vector<float> logits(5000, 0.f);
  logits[4000] = 3;
  SamplingOptions o = plain();
  o.top_p = 0.9f;
  std::vector<bool> seen(logits.size());
  for (uint32_t i = 0; i < 20000; ++i) seen[static_cast<size_t>(token(o, logits, i))] = true;
  const auto kept = std::count(seen.begin(), seen.end(), true);
  EXPECT_GT(kept, 4200);
  EXPECT_LT(kept, 4520);  // 90 % of 5019 units of probability
  EXPECT_FALSE(seen[4999]);
}

// Many candidates are sorted in another way than few.
TEST(Candidates, OfAnyNumberAreInOrder) {
  std::mt19937 random(5);
  for (const int levels : {3, 50, 1 << 20}) {
    std::vector<float> logits(20000);
    for (float& x : logits) x = float(int(random() % unsigned(levels)) - levels / 2) / 7;
    logits[17] = -0.0f;
    logits[300] = std::numeric_limits<float>::infinity();
    logits[301] = -std::numeric_limits<float>::infinity();
    logits[302] = std::numeric_limits<float>::quiet_NaN();
    std::vector<Candidate> wanted;
    for (size_t i = 0; i < logits.size(); ++i)
      if (logits[i] > -std::numeric_limits<float>::infinity())
        wanted.push_back({int32_t(i), logits[i]});
    std::sort(wanted.begin(), wanted.end(), before);
    for (const size_t k : {size_t{1}, size_t{100}, size_t{2500}, size_t{19000}, logits.size()}) {
      const auto made = first_candidates(logits, k);
      ASSERT_EQ(made.size(), std::min(k, wanted.size()));
      for (size_t i = 0; i < made.size(); ++i) {
        ASSERT_EQ(made[i].token, wanted[i].token) << k << ' ' << i;
        ASSERT_EQ(made[i].logit, wanted[i].logit);
      }
    }
    const auto all = candidates_from(logits, -std::numeric_limits<float>::infinity());
    EXPECT_EQ(tokens(all), tokens(wanted));
  }
}

// A draw that ends early gives the token of one that looks at everything: min_p of next to nothing
// takes the long way and leaves nothing out that counts.
TEST(Sampler, EarlyDrawsAreTheSame) {
  std::mt19937 random(9);
  for (const float spread : {0.1f, 1.0f, 3.0f, 12.0f}) {
    std::normal_distribution<float> usual(0, spread);
    std::vector<float> logits(3000);
    for (float& x : logits) x = usual(random);
    for (const float temperature : {0.3f, 1.0f, 2.0f}) {
      SamplingOptions o = plain();
      o.temperature = temperature;
      SamplingOptions whole = o;
      whole.min_p = 1e-30f;
      for (uint32_t i = 0; i < 100; ++i)
        ASSERT_EQ(token(o, logits, i), token(whole, logits, i)) << spread << ' ' << i;
    }
  }
}

// What mirostat keeps, by definition: of all candidates, sorted.
std::vector<Candidate> kept_by_mirostat(const SamplingOptions& o, std::span<const float> logits,
                                        double mu) {
  std::vector<Candidate> all = candidates_from(logits, -std::numeric_limits<float>::infinity());
  for (Candidate& c : all) c.logit = c.logit / o.temperature;
  if (o.mirostat == 1) {
    const std::vector<Candidate> first(all.begin(), all.begin() + 100);
    all.resize(std::min(all.size(), mirostat_count(first, mu, logits.size())));
    return all;
  }
  std::sort(all.begin(), all.end(), before);
  std::vector<float> scaled(logits.begin(), logits.end());
  for (float& x : scaled) x /= o.temperature;
  const double total = log_sum_exp(scaled, largest(scaled));
  const auto least = static_cast<float>(total - mu * std::log(2.0));
  size_t count = 1;
  while (count < all.size() && all[count].logit >= least) ++count;
  all.resize(count);
  return all;
}

std::vector<Candidate> kept_by_mass(std::span<const float> logits, double p) {
  std::vector<Candidate> all = candidates_from(logits, -std::numeric_limits<float>::infinity());
  const double total = log_sum_exp(logits, largest(logits));
  double sum = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    sum += std::exp(all[i].logit - total);
    if (sum >= p) {
      all.resize(i + 1);
      break;
    }
  }
  return all;
}

// Tokens are those of sorting everything, bit by bit: many candidates and few, ties, tokens that
// are forbidden.
TEST(Sampler, SumsChooseAsSortingDoes) {
  std::mt19937 random(9);
  std::vector<SamplingOptions> chains;
  for (const float temperature : {1.0f, 0.7f}) {
    SamplingOptions o = plain();
    o.temperature = temperature;
    for (const float p : {0.3f, 0.9f, 0.999f}) {
      chains.push_back(o);
      chains.back().top_p = p;
      chains.push_back(o);
      chains.back().typical_p = p;
    }
    for (const int32_t mirostat : {1, 2}) {
      chains.push_back(o);
      chains.back().mirostat = mirostat;
    }
  }
  int draws = 0, early_ones = 0;
  for (const float spread : {0.01f, 1.0f, 4.0f})
    for (SamplingOptions o : chains) {
      o.seed = random();
      Sampler sampler(o);
      float mu = 2 * o.mirostat_tau;
      for (uint32_t position = 0; position < 6; ++position) {
        std::vector<float> logits(9001);
        std::normal_distribution<float> usual(0, spread);
        const bool ties = position % 3 == 1;
        for (float& x : logits) x = ties ? std::round(usual(random) * 4) / 4 : usual(random);
        if (position % 3 == 2)
          for (size_t i = 0; i < logits.size(); i += 1 + random() % 5)
            logits[i] = i % 2 ? -INFINITY : NAN;
        std::vector<Candidate> kept;
        if (o.mirostat != 0) {
          kept = kept_by_mirostat(o, logits, mu);
        } else {
          kept = o.top_p < 1 ? kept_by_mass(logits, o.top_p) : candidates_from(logits, -INFINITY);
          if (o.typical_p < 1) keep_typical(kept, o.typical_p);
          apply_temperature(kept, o);
        }
        softmax(kept);
        const double at = uniform(o.seed, 0, position, 0);
        const Candidate& drawn = kept[draw(kept, at)];
        const Early known = early(o, logits, at, mu);
        early_ones += known.chosen || !known.kept.empty() ? 1 : 0;
        ++draws;
        if (o.mirostat != 0)
          mu -= o.mirostat_eta * (float(-std::log2(drawn.probability)) - o.mirostat_tau);
        const auto made = sampler.sample(logits, position);
        ASSERT_TRUE(made.ok());
        ASSERT_EQ(made->token, drawn.token)
            << "top_p " << o.top_p << ", typical_p " << o.typical_p << ", mirostat " << o.mirostat
            << ", temperature " << o.temperature << ", spread " << spread << ", position "
            << position;
      }
    }
  EXPECT_GT(early_ones, draws * 8 / 10);
}

TEST(Weights, AreExponentials) {
  std::vector<float> logits{0, -1, -0.5f, -690, -701, -INFINITY, NAN, -33.25f, -1e-6f, -87, -3};
  std::vector<double> weights;
  exponentials(logits, 0, 2, weights);
  ASSERT_EQ(weights.size(), logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    const double expected = logits[i] > -1400 ? std::exp(double(logits[i] / 2)) : 0;
    EXPECT_NEAR(weights[i], expected, 1e-11 * expected) << logits[i];
  }
}

TEST(Ranking, PlacesAreThoseOfASort) {
  std::mt19937 random(3);
  std::normal_distribution<float> usual(0, 3);
  std::vector<float> logits(1000);
  for (float& x : logits) x = std::round(usual(random) * 8) / 8;
  logits[7] = -INFINITY;
  const float top = largest(logits);
  std::vector<double> weights;
  exponentials(logits, top, 1, weights);
  const Ranking ranking(logits, top, weights);
  double sum = 0;
  const std::vector<Candidate> all = candidates_from(logits, -INFINITY);
  for (size_t i = 0; i < all.size(); ++i) {
    const double weight = weights[size_t(all[i].token)];
    const auto at = ranking.at(i), reached = ranking.reaching(sum + weight / 2, 1e-12);
    ASSERT_TRUE(at && reached);
    EXPECT_EQ(at->token, all[i].token);
    EXPECT_EQ(reached->token, all[i].token);
    EXPECT_EQ(reached->rank, i);
    EXPECT_NEAR(at->before, sum, 1e-9);
    EXPECT_FALSE(ranking.reaching(sum + weight * 1e-6, weight * 1e-3)) << "in doubt";
    sum += weight;
    EXPECT_NEAR(at->with, sum, 1e-9);
  }
  EXPECT_FALSE(ranking.at(all.size()));
  EXPECT_FALSE(ranking.reaching(ranking.total() * 1.01, 0));
}

TEST(Sampler, OptionsAreChecked) {
  EXPECT_TRUE(check(SamplingOptions()).ok());
  SamplingOptions o;
  o.top_p = 1.5f;
  ASSERT_FALSE(check(o).ok());
  EXPECT_NE(check(o).error().message.find("top_p"), std::string::npos);
  o = {};
  o.temperature = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(check(o).ok());
  o = {};
  o.mirostat = 3;
  EXPECT_FALSE(check(o).ok());
}

TEST(Sampler, BreakersAreTokensThatHoldThem) {
  const std::string_view pieces[] = {"a", "b:\n", "\"", "", "c"};
  const std::string_view breakers[] = {"\n", "\""};
  EXPECT_EQ(tokens_with(pieces, breakers), (std::vector<int32_t>{1, 2}));
}

}  // namespace
}  // namespace hone
