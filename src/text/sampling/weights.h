// Sums over the softmax of a whole vocabulary, and where they reach a goal, without sorting it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "text/sampling/candidates.h"

namespace hone {

// Sums of weights are known to this part of all; what is decided by less is not decided here.
inline constexpr double kWeightsOff = 1e-9;

// exp(logit / divisor - top / divisor) of each, quotients being floats; 0 for NaN and for what is
// more than 700 below. `top`: none is above it; its quotient is finite. Returns their sum.
double exponentials(std::span<const float> logits, float top, float divisor,
                    std::vector<double>& weights);

// The sum alone.
double sum_of_exponentials(std::span<const float> logits, float top, float divisor);
// The sum of weights[i] * (logits[i] - top); what has no weight takes no part.
double moment(std::span<const float> logits, float top, std::span<const double> weights);

// Tokens in the order of falling logits, equal ones by id, as far as sums and places need it: they
// are put into bins, and single bins are sorted.
class Ranking {
 public:
  // Spans that stay. Tokens with a logit of -infinity or NaN take no part.
  Ranking(std::span<const float> logits, float top, std::span<const double> weights);

  double total() const { return total_; }
  struct Place {
    int32_t token;
    size_t rank;          // from 0
    double before, with;  // the sums of weights in front of the token, and with it
  };
  // The first token with which the sum exceeds `goal`; none where that is in doubt: closer than
  // `off` to the goal on either side.
  std::optional<Place> reaching(double goal, double off) const;
  // The token number `rank`, counted from 0; none where there are fewer.
  std::optional<Place> at(size_t rank) const;

 private:
  static constexpr size_t kBins = 4096;
  // The tokens of the bins before one, and of one in order.
  size_t count_before(size_t bin) const;
  std::vector<Candidate> sorted(size_t bin) const;

  std::span<const float> logits_;
  std::span<const double> weights_;
  double total_ = 0;
  std::vector<int32_t> bins_;  // of tokens
  std::vector<double> sums_;   // of bins
};

}  // namespace hone
