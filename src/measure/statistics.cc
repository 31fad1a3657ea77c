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

double quantile(std::span<const double> values, double q) {
  if (values.empty()) return 0;
  std::vector<double> v(values.begin(), values.end());
  const double at = q * double(v.size() - 1), below = std::floor(at);
  const auto i = v.begin() + std::ptrdiff_t(below);
  std::nth_element(v.begin(), i, v.end());
  if (i + 1 == v.end()) return *i;
  return *i + (at - below) * (*std::min_element(i + 1, v.end()) - *i);
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
      return median(sample);
    });
    return interval;
  }
  bootstrap(rounds.size(), interval, [&](const std::vector<size_t>& drawn) {
    std::vector<double> sample;
    for (const size_t i : drawn) sample.insert(sample.end(), rounds[i].begin(), rounds[i].end());
    return median(sample);
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
