#include "text/sampling/early.h"

#include <algorithm>
#include <cmath>

#include "text/sampling/weights.h"

namespace hone {
namespace {

// What log_sum_exp() may be off: its distances are floats, and so are its exponentials.
constexpr double kFloatsOff = 1.5e-6;

bool is_alone(const SamplingOptions& o) {
  return o.top_n_sigma < 0 && o.top_k == 0 && o.min_p <= 0 && o.xtc_probability <= 0 &&
         o.dynatemp_range <= 0;
}

// One choice of a token. Everything is in the order of the logits, which a temperature keeps.
class Choice {
 public:
  Choice(const SamplingOptions& options, std::span<const float> logits, double at)
      : o_(options), logits_(logits), at_(at), top_(largest(logits)) {}

  Early made(double mu) {
    if (!std::isfinite(top_)) return {};
    if (o_.mirostat == 1) return mirostat(mirostat_count(scaled_first(), mu, logits_.size()));
    if (o_.mirostat == 2) return of_surprise(mu);
    if (!is_alone(o_)) return {};
    if (o_.typical_p < 1) return o_.top_p < 1 ? Early{} : typical();
    return o_.top_p < 1 ? of_mass() : of_all();
  }

 private:
  using Place = Ranking::Place;
  static constexpr size_t kFew = 4096;  // candidates that are sorted in no time

  // The weights that a token is drawn by; false where they are not numbers.
  bool weigh_scaled() {
    if (!std::isfinite(top_ / o_.temperature)) return false;
    exponentials(logits_, top_, o_.temperature, weights_);
    return true;
  }

  // Among the first tokens, whose weights sum up to `mass`.
  std::optional<Place> drawn(const Ranking& ranking, double mass) const {
    return ranking.reaching(at_ * mass, kWeightsOff * ranking.total());
  }

  Early of_all() {
    if (!std::isfinite(top_ / o_.temperature)) return {};
    const double total = sum_of_exponentials(logits_, top_, o_.temperature);
    if (const auto first = among_first(at_ * total, kWeightsOff * total, o_.temperature))
      return first->kept.empty() ? Early{} : Early{Chosen{first->kept.back().token}};
    exponentials(logits_, top_, o_.temperature, weights_);
    const Ranking ranking(logits_, top_, weights_);
    return token_of(drawn(ranking, ranking.total()));
  }

  // The first candidates that reach the goal together, nothing where that is in doubt; none where
  // they are many.
  std::optional<Early> among_first(double goal, double off, float divisor) const {
    for (const size_t count : {size_t{256}, size_t{2048}}) {
      std::vector<Candidate> first = first_candidates(logits_, count);
      double sum = 0;
      for (size_t i = 0; i < first.size(); ++i) {
        const double with =
            sum + std::exp(static_cast<double>(first[i].logit / divisor) - top_ / divisor);
        if (with > goal) {
          if (sum >= goal - off || with <= goal + off) return Early{};
          first.resize(i + 1);
          return Early{{}, std::move(first)};
        }
        sum = with;
      }
      if (first.size() < count) return Early{};
    }
    return std::nullopt;
  }
  static Early token_of(const std::optional<Place>& place) {
    return place ? Early{Chosen{place->token}} : Early{};
  }

  Early of_mass() {
    const double total = sum_of_exponentials(logits_, top_, 1);
    if (auto first = among_first(o_.top_p * total, (kFloatsOff + kWeightsOff) * total, 1))
      return *std::move(first);
    exponentials(logits_, top_, 1, weights_);
    const Ranking model(logits_, top_, weights_);
    const auto cut =
        model.reaching(o_.top_p * model.total(), (kFloatsOff + kWeightsOff) * model.total());
    if (!cut) return {};
    if (cut->rank < kFew) return {{}, first_candidates(logits_, cut->rank + 1)};
    if (!weigh_scaled()) return {};
    const Ranking scaled(logits_, top_, weights_);
    const auto last = scaled.at(cut->rank);
    const auto place = last ? drawn(scaled, last->with) : std::nullopt;
    return place && place->rank <= last->rank ? token_of(place) : Early{};
  }

  // The surprise of a token differs from the entropy as its logit does from the mean logit.
  Early typical() {
    const double total = exponentials(logits_, top_, 1, weights_);
    const double mean = top_ + moment(logits_, top_, weights_) / total;
    const auto border = typical_border(mean, o_.typical_p * total, kWeightsOff * total);
    if (!border) return {};
    const auto is_kept = [&](size_t i) {
      const double distance = std::fabs(logits_[i] - mean);
      return distance < border->distance ||
             (distance == border->distance && int32_t(i) <= border->token);
    };
    std::vector<Candidate> kept;
    for (size_t i = 0; i < logits_.size() && kept.size() < kFew; ++i)
      if (is_kept(i)) kept.push_back({int32_t(i), logits_[i]});
    if (kept.size() < kFew) {
      std::sort(kept.begin(), kept.end(), before);
      return {{}, std::move(kept)};
    }
    if (!weigh_scaled()) return {};
    for (size_t i = 0; i < weights_.size(); ++i)
      if (!is_kept(i)) weights_[i] = 0;
    const Ranking ranking(logits_, top_, weights_);
    return token_of(drawn(ranking, ranking.total()));
  }

  struct Distance {
    double distance;
    int32_t token;
    bool operator<(const Distance& b) const {
      return distance != b.distance ? distance < b.distance : token < b.token;
    }
  };

  // The last token that is kept: with it the sum of the nearest exceeds `goal`. None where another
  // one is as near, or the sum as large, as far as is known.
  std::optional<Distance> typical_border(double mean, double goal, double off) const {
    constexpr size_t kBins = 4096;
    constexpr double kOfOne = 128, kDistanceOff = 1e-7;
    const auto scaled = [&](size_t i) { return std::fabs(logits_[i] - mean) * kOfOne; };
    std::vector<double> sums(kBins);
    for (size_t i = 0; i < logits_.size(); ++i)
      if (const double d = scaled(i); d < kBins) sums[static_cast<size_t>(d)] += weights_[i];
    double sum = 0;
    size_t bin = 0;
    while (bin < kBins && sum + sums[bin] <= goal) sum += sums[bin++];
    if (bin == kBins) return std::nullopt;
    // Those of the bin and a little around it, which has to be in order with them.
    constexpr double kAround = 2 * kDistanceOff;
    const double begin = double(bin) / kOfOne, end = double(bin + 1) / kOfOne;
    std::vector<Distance> near;
    for (size_t i = 0; i < logits_.size(); ++i) {
      const double distance = std::fabs(logits_[i] - mean);
      if (distance >= begin - kAround && distance < end + kAround)
        near.push_back({distance, int32_t(i)});
    }
    std::sort(near.begin(), near.end());
    for (size_t j = 0; j < near.size(); ++j) {
      if (near[j].distance * kOfOne < double(bin)) continue;
      const double with = sum + weights_[size_t(near[j].token)];
      if (with <= goal) {
        sum = with;
        continue;
      }
      const auto apart = [&](size_t a, size_t b) {
        return logits_[size_t(near[a].token)] == logits_[size_t(near[b].token)] ||
               near[b].distance - near[a].distance > kDistanceOff;
      };
      const bool sure = sum < goal - off && with > goal + off && (j == 0 || apart(j - 1, j)) &&
                        (j + 1 == near.size() || apart(j, j + 1));
      return sure ? std::optional(near[j]) : std::nullopt;
    }
    return std::nullopt;
  }

  std::vector<Candidate> scaled_first() const {
    std::vector<Candidate> first = first_candidates(logits_, 100);
    for (Candidate& c : first) c.logit = static_cast<float>(c.logit / o_.temperature);
    return first;
  }

  // Among the first `count`.
  Early mirostat(size_t count) {
    if (count == 0) return {};
    if (count < kFew) {
      std::vector<Candidate> kept = first_candidates(logits_, count);
      for (Candidate& c : kept) c.logit = static_cast<float>(c.logit / o_.temperature);
      return {{}, std::move(kept)};
    }
    if (!weigh_scaled()) return {};
    const Ranking ranking(logits_, top_, weights_);
    const auto last = ranking.at(count - 1);
    return last ? with_surprise(ranking, last->with, last->rank) : Early{};
  }

  // Among those whose surprise is at most mu bits.
  Early of_surprise(double mu) {
    const std::vector<float> scaled = divided();
    const float top = largest(scaled);
    if (!std::isfinite(top)) return {};
    exponentials(scaled, top, 1, weights_);
    const Ranking ranking(scaled, top, weights_);
    const double least = top + std::log(ranking.total()) - mu * std::log(2.0);
    const auto low = static_cast<float>(least - kFloatsOff - kWeightsOff);
    const auto high = static_cast<float>(least + kFloatsOff + kWeightsOff);
    double mass = 0;
    size_t count = 0, sure = 0;
    for (size_t i = 0; i < scaled.size(); ++i) {
      if (!(scaled[i] >= low)) continue;
      mass += weights_[i];
      ++count;
      sure += scaled[i] >= high ? 1 : 0;
    }
    if (count == 0 || sure != count) return {};
    if (count < kFew) return {{}, candidates_from(scaled, low)};
    return with_surprise(ranking, mass, count - 1);
  }

  Early with_surprise(const Ranking& ranking, double mass, size_t last) const {
    const auto place = drawn(ranking, mass);
    if (!place || place->rank > last) return {};
    const double bits = -std::log2(weights_[size_t(place->token)] / mass);
    const auto surprise = static_cast<float>(bits);
    if (static_cast<float>(bits - kWeightsOff) != surprise ||
        static_cast<float>(bits + kWeightsOff) != surprise)
      return {};
    return {Chosen{place->token, surprise}};
  }

  std::vector<float> divided() const {
    std::vector<float> scaled(logits_.begin(), logits_.end());
    for (float& x : scaled) x /= o_.temperature;
    return scaled;
  }

  const SamplingOptions& o_;
  std::span<const float> logits_;
  double at_;
  float top_;
  std::vector<double> weights_;
};

}  // namespace

Early early(const SamplingOptions& options, std::span<const float> logits, double at, double mu) {
  return Choice(options, logits, at).made(mu);
}

size_t mirostat_count(const std::vector<Candidate>& top, double mu, size_t vocabulary) {
  double products = 0, squares = 0;
  for (size_t i = 0; i + 1 < top.size(); ++i) {
    const double t = std::log(static_cast<double>(i + 2) / static_cast<double>(i + 1));
    const double b = top[i].logit - top[i + 1].logit;
    products += t * b;
    squares += t * t;
  }
  const double s = squares > 0 ? products / squares : 1;
  const double epsilon = s - 1;
  const double n = static_cast<double>(vocabulary);
  const double k = std::pow(epsilon * std::pow(2, mu) / (1 - std::pow(n, -epsilon)), 1 / s);
  if (!(k > 1)) return 1;  // NaN too
  return k < n ? static_cast<size_t>(k) : vocabulary;
}

}  // namespace hone
