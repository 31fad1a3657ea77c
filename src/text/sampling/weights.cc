#include "text/sampling/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/multiversion.h"

namespace hone {
namespace {

constexpr size_t kLanes = 8;
using Floats = float __attribute__((vector_size(4 * kLanes)));
using Reals = double __attribute__((vector_size(8 * kLanes)));
using Words = int64_t __attribute__((vector_size(8 * kLanes)));
using Integers = int32_t __attribute__((vector_size(4 * kLanes)));

constexpr double kLeast = -700;  // below it, powers of two leave the range of normal numbers

// exp(x / divisor - top) of whole vectors of them, to 1e-11 of it: 2^n e^r with |r| <= ln(2) / 2.
// Their sums by lanes are added to `sums`; where `weights` is null, that is all.
HONE_MULTIVERSION
void exponentials_of(const float* logits, size_t vectors, float divisor, double top,
                     double* weights, double* sums) {
  constexpr double kShift = 0x1.8p52;  // what is added to it is rounded to integers
  constexpr double kHigh = 0x1.62e42feep-1, kLow = 0x1.a39ef35793c76p-33;  // ln(2)
  Reals sum;
  std::memcpy(&sum, sums, sizeof sum);
  for (size_t i = 0; i < vectors; ++i) {
    Floats given;
    std::memcpy(&given, logits + i * kLanes, sizeof given);
    Reals x = __builtin_convertvector(given / divisor, Reals) - top;
    const Words near = x > kLeast;  // not so for NaN
    x = near ? x : Reals{} + kLeast;
    const Reals shifted = x * 0x1.71547652b82fep0 + kShift, n = shifted - kShift;
    const Reals r = (x - n * kHigh) - n * kLow;
    Reals y = r * (1.0 / 362880) + 1.0 / 40320;
    y = y * r + 1.0 / 5040;
    y = y * r + 1.0 / 720;
    y = y * r + 1.0 / 120;
    y = y * r + 1.0 / 24;
    y = y * r + 1.0 / 6;
    y = y * r + 0.5;
    y = y * r + 1.0;
    y = y * r + 1.0;
    Words bits, power;
    std::memcpy(&bits, &y, sizeof bits);
    std::memcpy(&power, &shifted, sizeof power);
    bits = (bits + (power << 52)) & near;
    std::memcpy(&y, &bits, sizeof y);
    sum += y;
    if (weights != nullptr) std::memcpy(weights + i * kLanes, &y, sizeof y);
  }
  std::memcpy(sums, &sum, sizeof sum);
}

HONE_MULTIVERSION
double moment_of(const float* logits, const double* weights, size_t vectors, double top) {
  Reals sum{};
  for (size_t i = 0; i < vectors; ++i) {
    Floats given;
    Reals weight;
    std::memcpy(&given, logits + i * kLanes, sizeof given);
    std::memcpy(&weight, weights + i * kLanes, sizeof weight);
    const Reals part = weight * (__builtin_convertvector(given, Reals) - top);
    const Words some = weight > 0.0;
    Words bits;
    std::memcpy(&bits, &part, sizeof bits);
    bits &= some;  // not what is infinite times nothing
    Reals kept;
    std::memcpy(&kept, &bits, sizeof kept);
    sum += kept;
  }
  double all = 0;
  for (size_t lane = 0; lane < kLanes; ++lane) all += sum[lane];
  return all;
}

// The bin of a logit: narrow where most tokens are, 1/128 of a logit; those far below in the last,
// what takes no part behind it.
constexpr float kOfOne = 128;

HONE_MULTIVERSION
void bins_of(const float* logits, size_t vectors, float top, int32_t bins, int32_t* out) {
  const Floats most = Floats{} + static_cast<float>(bins - 1);
  for (size_t i = 0; i < vectors; ++i) {
    Floats given;
    std::memcpy(&given, logits + i * kLanes, sizeof given);
    Floats below = (top - given) * kOfOne;
    below = below < most ? below : most;       // NaN, too
    const Integers none = given > -HUGE_VALF;  // -1: it takes part
    const Integers bin = __builtin_convertvector(below, Integers);
    const Integers made = (bin & none) | (bins & ~none);
    std::memcpy(out + i * kLanes, &made, sizeof made);
  }
}

// How many of some bins are less than `bin`.
HONE_MULTIVERSION
int32_t count_less(const int32_t* bins, size_t vectors, int32_t bin) {
  Integers less{};
  for (size_t i = 0; i < vectors; ++i) {
    Integers given;
    std::memcpy(&given, bins + i * kLanes, sizeof given);
    less -= given < bin;
  }
  int32_t sum = 0;
  for (size_t lane = 0; lane < kLanes; ++lane) sum += less[lane];
  return sum;
}

// Where the next of them is that equals `bin`, of `groups` groups; `groups` where none does.
constexpr size_t kGroup = 8 * kLanes;
HONE_MULTIVERSION
size_t next_group(const int32_t* bins, size_t group, size_t groups, int32_t bin) {
  for (; group < groups; ++group) {
    Integers equal{};
    for (size_t i = 0; i < kGroup; i += kLanes) {
      Integers given;
      std::memcpy(&given, bins + group * kGroup + i, sizeof given);
      equal |= given == bin;
    }
    int32_t any = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) any |= equal[lane];
    if (any != 0) break;
  }
  return group;
}

// Calls f(from, vectors, at) for all of the logits, the last of them padded with -infinity.
template <class F>
void each_vector(std::span<const float> logits, F f) {
  const size_t whole = logits.size() / kLanes, rest = logits.size() % kLanes;
  f(logits.data(), whole, size_t{0});
  if (rest == 0) return;
  float last[kLanes];
  std::fill(std::begin(last), std::end(last), -HUGE_VALF);
  std::copy(logits.end() - static_cast<ptrdiff_t>(rest), logits.end(), last);
  f(last, size_t{1}, whole * kLanes);
}

size_t padded(size_t size, size_t to = kLanes) { return (size + to - 1) / to * to; }

}  // namespace

double exponentials(std::span<const float> logits, float top, float divisor,
                    std::vector<double>& weights) {
  const double largest = top / divisor;
  double sums[kLanes] = {}, sum = 0;
  weights.resize(padded(logits.size()));
  each_vector(logits, [&](const float* from, size_t vectors, size_t at) {
    exponentials_of(from, vectors, divisor, largest, weights.data() + at, sums);
  });
  weights.resize(logits.size());
  for (const double part : sums) sum += part;
  return sum;
}

double sum_of_exponentials(std::span<const float> logits, float top, float divisor) {
  const double largest = top / divisor;
  double sums[kLanes] = {}, sum = 0;
  each_vector(logits, [&](const float* from, size_t vectors, size_t) {
    exponentials_of(from, vectors, divisor, largest, nullptr, sums);
  });
  for (const double part : sums) sum += part;
  return sum;
}

double moment(std::span<const float> logits, float top, std::span<const double> weights) {
  const size_t whole = logits.size() / kLanes;
  double sum = moment_of(logits.data(), weights.data(), whole, top);
  for (size_t i = whole * kLanes; i < logits.size(); ++i)
    if (weights[i] > 0) sum += weights[i] * (static_cast<double>(logits[i]) - top);
  return sum;
}

Ranking::Ranking(std::span<const float> logits, float top, std::span<const double> weights)
    : logits_(logits),
      weights_(weights),
      bins_(padded(logits.size(), kGroup), int32_t{kBins}),
      sums_(kBins + 1) {
  each_vector(logits, [&](const float* from, size_t vectors, size_t at) {
    bins_of(from, vectors, top, static_cast<int32_t>(kBins), bins_.data() + at);
  });
  for (size_t i = 0; i < logits.size(); ++i) {
    sums_[static_cast<size_t>(bins_[i])] += weights[i];
  }
  sums_.pop_back();
  for (const double sum : sums_) total_ += sum;
}

size_t Ranking::count_before(size_t bin) const {
  return static_cast<size_t>(
      count_less(bins_.data(), bins_.size() / kLanes, static_cast<int32_t>(bin)));
}

std::vector<Candidate> Ranking::sorted(size_t bin) const {
  std::vector<Candidate> tokens;
  const auto wanted = static_cast<int32_t>(bin);
  const size_t groups = bins_.size() / kGroup;
  for (size_t g = 0; (g = next_group(bins_.data(), g, groups, wanted)) < groups; ++g)
    for (size_t i = g * kGroup; i < (g + 1) * kGroup; ++i)
      if (bins_[i] == wanted) tokens.push_back({static_cast<int32_t>(i), logits_[i]});
  sort_by_rank(tokens);
  return tokens;
}

std::optional<Ranking::Place> Ranking::reaching(double goal, double off) const {
  double sum = 0;
  size_t bin = 0;
  while (bin < kBins && sum + sums_[bin] <= goal) sum += sums_[bin++];
  if (bin == kBins) return std::nullopt;
  const std::vector<Candidate> tokens = sorted(bin);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const double with = sum + weights_[static_cast<size_t>(tokens[i].token)];
    if (with > goal) {
      const bool sure = sum < goal - off && with > goal + off;
      return sure ? std::optional(Place{tokens[i].token, count_before(bin) + i, sum, with})
                  : std::nullopt;
    }
    sum = with;
  }
  return std::nullopt;
}

std::optional<Ranking::Place> Ranking::at(size_t rank) const {
  // Bins of so many tokens as are before it, by halves.
  size_t bin = 0;
  for (size_t step = kBins / 2; step > 0; step /= 2)
    if (count_before(bin + step) <= rank) bin += step;
  const std::vector<Candidate> tokens = sorted(bin);
  const size_t place = rank - count_before(bin);
  if (place >= tokens.size()) return std::nullopt;
  double sum = 0;
  for (size_t b = 0; b < bin; ++b) sum += sums_[b];
  for (size_t i = 0; i < place; ++i) sum += weights_[static_cast<size_t>(tokens[i].token)];
  return Place{tokens[place].token, rank, sum,
               sum + weights_[static_cast<size_t>(tokens[place].token)]};
}

}  // namespace hone
