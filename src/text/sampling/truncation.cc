#include "text/sampling/truncation.h"

#include <algorithm>
#include <cmath>

namespace hone {

void softmax(std::vector<Candidate>& candidates) {
  const double top = candidates.front().logit;
  double sum = 0;
  for (Candidate& c : candidates) {
    // An infinite logit takes everything.
    c.probability = c.logit == candidates.front().logit ? 1 : std::exp(c.logit - top);
    sum += c.probability;
  }
  for (Candidate& c : candidates) c.probability /= sum;
}

void keep_typical(std::vector<Candidate>& candidates, double p) {
  softmax(candidates);
  double entropy = 0;
  for (const Candidate& c : candidates) {
    if (c.probability > 0) entropy -= c.probability * std::log(c.probability);
  }
  struct Distance {
    double value;
    size_t index;
  };
  std::vector<Distance> distances(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    distances[i] = {std::fabs(-std::log(candidates[i].probability) - entropy), i};
  }
  const auto nearer = [](const Distance& a, const Distance& b) {
    return a.value != b.value ? a.value < b.value : a.index < b.index;
  };
  double sum = 0;
  size_t count = 0;
  // Sorted as far as they are looked at.
  for (size_t sorted = 0, more = 256; count < distances.size(); more *= 4) {
    const auto begin = distances.begin() + static_cast<ptrdiff_t>(sorted);
    sorted = std::min(distances.size(), sorted + more);
    const auto end = distances.begin() + static_cast<ptrdiff_t>(sorted);
    if (end != distances.end()) std::nth_element(begin, end, distances.end(), nearer);
    std::sort(begin, end, nearer);
    while (count < sorted && sum <= p) sum += candidates[distances[count++].index].probability;
    if (sum > p) break;
  }
  std::vector<size_t> kept(count);
  for (size_t i = 0; i < count; ++i) kept[i] = distances[i].index;
  std::sort(kept.begin(), kept.end());
  for (size_t i = 0; i < count; ++i) candidates[i] = candidates[kept[i]];
  candidates.resize(count);
}

void keep_top_p(std::vector<Candidate>& candidates, double p) {
  softmax(candidates);
  double sum = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    sum += candidates[i].probability;
    if (sum >= p) {
      candidates.resize(i + 1);
      return;
    }
  }
}

void keep_min_p(std::vector<Candidate>& candidates, double p) {
  const double least = candidates.front().logit + std::log(p);
  size_t count = 1;
  while (count < candidates.size() && candidates[count].logit >= least) ++count;
  candidates.resize(count);
}

void leave_out_top(std::vector<Candidate>& candidates, double threshold) {
  softmax(candidates);
  size_t likely = 0;
  while (likely < candidates.size() && candidates[likely].probability >= threshold) ++likely;
  if (likely > 1) {
    candidates.erase(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(likely - 1));
  }
}

void apply_temperature(std::vector<Candidate>& candidates, const SamplingOptions& options) {
  double temperature = options.temperature;
  if (options.dynatemp_range > 0 && candidates.size() > 1) {
    const double low = std::max(0.0, temperature - options.dynatemp_range);
    const double high = temperature + options.dynatemp_range;
    softmax(candidates);
    double entropy = 0;
    for (const Candidate& c : candidates) {
      if (c.probability > 0) entropy -= c.probability * std::log(c.probability);
    }
    const double most = std::log(static_cast<double>(candidates.size()));
    temperature = low + (high - low) * std::pow(entropy / most, options.dynatemp_exponent);
  }
  if (temperature <= 0) {
    candidates.resize(1);
    return;
  }
  for (Candidate& c : candidates) c.logit = static_cast<float>(c.logit / temperature);
}

size_t draw(const std::vector<Candidate>& candidates, double at) {
  double sum = 0;
  for (const Candidate& c : candidates) sum += c.probability;
  const double target = at * sum;
  double reached = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    reached += candidates[i].probability;
    if (target < reached) return i;
  }
  // Rounding: the last one that can be drawn at all.
  size_t index = candidates.size() - 1;
  while (index > 0 && candidates[index].probability == 0) --index;
  return index;
}

}  // namespace hone
