#include "measure/statistics.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/hash.h"

namespace hone::measure {
namespace {

constexpr int kDraws = 1000;
constexpr double kConfidence = 0.95;

// The interval that the statistic of drawn samples lies in.
template <class Statistic>
void bootstrap(size_t units, Interval& interval, Statistic&& statistic) {
  if (units < 2) {
    interval.low = interval.high = std::nan("");
    return;
  }
  std::vector<double> values;
  std::vector<size_t> drawn(units);
  uint64_t state = 1;
  for (int draw = 0; draw < kDraws; ++draw) {
    for (size_t& unit : drawn) unit = finalize64(state += kMixStep) % units;
    values.push_back(statistic(drawn));
  }
  std::sort(values.begin(), values.end());
  const double tail = (1 - kConfidence) / 2 * (kDraws - 1);
  interval.low = values[static_cast<size_t>(std::floor(tail))];
  interval.high = values[static_cast<size_t>(std::ceil(kDraws - 1 - tail))];
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(half), values.end());
  const double upper = values[half];
  if (values.size() % 2 == 1) return upper;
  return (*std::max_element(values.begin(), values.begin() + std::ptrdiff_t(half)) + upper) / 2;
}

Interval median_of(const Rounds& rounds) {
  std::vector<double> all;
  for (const auto& round : rounds) all.insert(all.end(), round.begin(), round.end());
  Interval interval{median(all), 0, 0, all.size()};
  if (all.empty()) return interval;
  if (rounds.size() == 1) {
    bootstrap(all.size(), interval, [&](const std::vector<size_t>& drawn) {
      std::vector<double> sample;
      for (const size_t i : drawn) sample.push_back(all[i]);
      return median(std::move(sample));
    });
    return interval;
  }
  bootstrap(rounds.size(), interval, [&](const std::vector<size_t>& drawn) {
    std::vector<double> sample;
    for (const size_t i : drawn) sample.insert(sample.end(), rounds[i].begin(), rounds[i].end());
    return median(std::move(sample));
  });
  return interval;
}

Interval ratio_of(const Rounds& a, const Rounds& b) {
  CHECK(a.size() == b.size());
  std::vector<double> ratios;
  for (size_t i = 0; i < a.size(); ++i) ratios.push_back(median(a[i]) / median(b[i]));
  return median_of({ratios});
}

}  // namespace hone::measure
