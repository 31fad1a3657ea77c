#include "calibrate/published/errors.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "calibrate/linear_algebra.h"
#include "calibrate/statistics.h"

namespace hone::calibrate {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = double(begin + end - 1) / 2;
    begin = end;
  }
  return ranks;
}

double quantile_of(std::span<const double> values, double share) {
  return values.empty() ? kNaN : quantile(values, share);
}

double rank_of(std::span<const ErrorCase> cases) {
  std::vector<double> a, b;
  for (const ErrorCase& c : cases) {
    a.push_back(c.estimated);
    b.push_back(c.measured);
  }
  return rank_correlation(a, b);
}

// Cases of one run lie together.
double median_rank(std::span<const ErrorCase> cases) {
  std::vector<double> ranks;
  for (size_t begin = 0; begin < cases.size();) {
    size_t end = begin;
    while (end < cases.size() && cases[end].run == cases[begin].run) ++end;
    const double rank = rank_of(cases.subspan(begin, end - begin));
    if (!std::isnan(rank)) ranks.push_back(rank);
    begin = end;
  }
  return quantile_of(ranks, 0.5);
}

}  // namespace

double rank_correlation(std::span<const double> a, std::span<const double> b) {
  if (a.size() < 2) return kNaN;
  std::vector<double> x = ranks_of(a), y = ranks_of(b);
  const double mean = double(a.size() - 1) / 2;
  for (double& v : x) v -= mean;
  for (double& v : y) v -= mean;
  const double size = std::sqrt(dot(x, x) * dot(y, y));
  return size > 0 ? dot(x, y) / size : kNaN;
}

ErrorSummary summarize(std::span<const ErrorCase> cases) {
  ErrorSummary s;
  s.n = cases.size();
  std::vector<double> errors, widths;
  size_t inside = 0;
  for (const ErrorCase& c : cases) {
    errors.push_back(c.error());
    if (std::isnan(c.half_width)) continue;
    // Half of value · (exp(h) − exp(−h)), beside the value.
    widths.push_back(std::sinh(std::min(c.half_width, 700.0)));
    inside += std::abs(std::log(c.estimated / c.measured)) <= c.half_width;
  }
  std::sort(errors.begin(), errors.end());
  const auto within = [&](double most) {
    const auto end = std::upper_bound(errors.begin(), errors.end(), most);
    return errors.empty() ? kNaN : double(end - errors.begin()) / double(errors.size());
  };
  s.median = quantile_of(errors, 0.5);
  s.mean = errors.empty()
               ? kNaN
               : std::accumulate(errors.begin(), errors.end(), 0.0) / double(errors.size());
  s.p95 = quantile_of(errors, 0.95);
  s.most = errors.empty() ? kNaN : errors.back();
  s.within_5 = within(0.05);
  s.within_10 = within(0.1);
  s.within_20 = within(0.2);
  s.coverage = widths.empty() ? kNaN : double(inside) / double(widths.size());
  s.half_width = quantile_of(widths, 0.5);
  s.rank = median_rank(cases);
  return s;
}

}  // namespace hone::calibrate
