#include "calibrate/published/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "calibrate/published/baselines.h"

namespace hone::calibrate {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// One estimate against one measurement.
struct Case {
  size_t configuration;
  double estimated, measured;
  double half_width = kNaN;  // of the interval, in logarithms

  double error() const { return std::abs(estimated / measured - 1); }
};

// Linear between the order statistics.
double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return kNaN;
  const double at = share * double(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - double(below)) * (sorted[above] - sorted[below]);
}
double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

double rank_of(std::span<const Case> cases) {
  std::vector<double> a, b;
  for (const Case& c : cases) {
    a.push_back(c.estimated);
    b.push_back(c.measured);
  }
  return rank_correlation(a, b);
}

// Cases of one run lie together.
double median_rank(std::span<const Case> cases) {
  std::vector<double> ranks;
  for (size_t begin = 0; begin < cases.size();) {
    size_t end = begin;
    while (end < cases.size() && cases[end].configuration == cases[begin].configuration) ++end;
    const double rank = rank_of(cases.subspan(begin, end - begin));
    if (!std::isnan(rank)) ranks.push_back(rank);
    begin = end;
  }
  return median_of(std::move(ranks));
}

ErrorSummary summarize(std::span<const Case> cases) {
  ErrorSummary s;
  s.n = cases.size();
  std::vector<double> errors, widths;
  size_t inside = 0;
  for (const Case& c : cases) {
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
  s.median = quantile(errors, 0.5);
  s.mean = errors.empty()
               ? kNaN
               : std::accumulate(errors.begin(), errors.end(), 0.0) / double(errors.size());
  s.p95 = quantile(errors, 0.95);
  s.most = errors.empty() ? kNaN : errors.back();
  s.within_5 = within(0.05);
  s.within_10 = within(0.1);
  s.within_20 = within(0.2);
  s.coverage = widths.empty() ? kNaN : double(inside) / double(widths.size());
  s.half_width = median_of(std::move(widths));
  s.rank = median_rank(cases);
  return s;
}

// Of a table, what each run gave; collects the cases and tells about them.
class Report {
 public:
  Report(const Measurements& table, std::span<const NetworkFeatures> features,
         const std::vector<std::string>& calibration)
      : table_(table), features_(features) {
    validation_.calibration = calibration;
  }

  void add(const Residual& r, const Prior& bounds) {
    if (!r.prediction.possible()) {
      ++validation_.impossible;
      return;
    }
    validation_.by_features += !r.known;
    const ConformalBound& bound = bounds.bound(r.gpu, r.known);
    const double half_width = bound.n == 0 ? kNaN : bound.half_width * r.prediction.deviation;
    cases_.push_back({r.configuration, std::exp(r.prediction.log_milliseconds), r.measured,
                      half_width});
    add_baselines(r);
  }

  Validation finish(bool left_out, size_t groups) {
    validation_.left_out = left_out;
    validation_.groups = groups;
    const auto by_run = [](const Case& a, const Case& b) {
      return a.configuration < b.configuration;
    };
    std::stable_sort(cases_.begin(), cases_.end(), by_run);
    for (size_t c = 0; c < table_.configurations.size(); ++c) {
      const Configuration& run = table_.configurations[c];
      const auto of_run = select([&](size_t other) { return other == c; });
      validation_.runs.push_back({run.device, run.run, run.threads, run.gpu, summarize(of_run)});
    }
    add_parts();
    for (size_t b = 0; b < kBaselines; ++b) {
      std::stable_sort(baseline_cases_[b].begin(), baseline_cases_[b].end(), by_run);
      validation_.baselines.push_back(
          {std::string(name(Baseline(b))), summarize(baseline_cases_[b])});
    }
    return std::move(validation_);
  }

 private:
  template <class Choice>
  std::vector<Case> select(Choice&& choice) const {
    std::vector<Case> chosen;
    for (const Case& c : cases_)
      if (choice(c.configuration)) chosen.push_back(c);
    return chosen;
  }

  void add_part(std::string name, const std::function<bool(const Configuration&)>& choice) {
    const auto chosen = select([&](size_t c) { return choice(table_.configurations[c]); });
    if (!chosen.empty()) validation_.parts.push_back({std::move(name), summarize(chosen)});
  }
  void add_parts() {
    add_part("all", [](const Configuration&) { return true; });
    add_part("CPU", [](const Configuration& c) { return !c.gpu; });
    add_part("CPU, 1 thread", [](const Configuration& c) { return !c.gpu && c.threads == 1; });
    add_part("CPU, 2 to 4 threads", [](const Configuration& c) {
      return !c.gpu && c.threads > 1 && c.threads <= 4;
    });
    add_part("CPU, 5 threads and more",
             [](const Configuration& c) { return !c.gpu && c.threads > 4; });
    add_part("GPU", [](const Configuration& c) { return c.gpu; });
  }

  void add_baselines(const Residual& r) {
    const NetworkFeatures* network = nullptr;
    for (const NetworkFeatures& f : features_)
      if (same_network(f.network, table_.networks[r.network])) network = &f;
    if (network == nullptr) return;
    if (fitted_for_ != r.configuration) fit_baselines(r.configuration);
    for (size_t b = 0; b < kBaselines; ++b) {
      if (!baselines_[b]) continue;
      baseline_cases_[b].push_back(
          {r.configuration, baselines_[b]->milliseconds(*network), r.measured});
    }
  }
  void fit_baselines(size_t configuration) {
    fitted_for_ = configuration;
    const Configuration& run = table_.configurations[configuration];
    std::vector<Measured> given;
    for (const std::string& network : validation_.calibration) {
      const auto at = find_network(table_.networks, network);
      if (at && !std::isnan(run.milliseconds[*at]))
        given.push_back({network, run.milliseconds[*at]});
    }
    for (size_t b = 0; b < kBaselines; ++b)
      baselines_[b] = FittedBaseline::fit(Baseline(b), given, features_);
  }

  const Measurements& table_;
  std::span<const NetworkFeatures> features_;
  Validation validation_;
  std::vector<Case> cases_;
  std::array<std::vector<Case>, kBaselines> baseline_cases_;
  std::array<std::optional<FittedBaseline>, kBaselines> baselines_;
  size_t fitted_for_ = SIZE_MAX;
};

std::vector<std::string> groups_of(const Measurements& table) {
  std::vector<std::string> groups;
  for (const Configuration& c : table.configurations)
    if (std::find(groups.begin(), groups.end(), c.group) == groups.end()) groups.push_back(c.group);
  return groups;
}

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

Result<std::vector<Residual>> leave_groups_out(const Measurements& table,
                                               std::span<const NetworkFeatures> features,
                                               const FitOptions& options,
                                               const OnProgress& progress) {
  std::vector<Residual> known, by_features;
  const auto groups = groups_of(table);
  for (size_t g = 0; g < groups.size(); ++g) {
    FitOptions others = options;
    others.without_group = groups[g];
    const Prior prior =
        TRY(fit_prior(table, features, others).context(fmt::format("leaving {} out", groups[g])));
    for (size_t c = 0; c < table.configurations.size(); ++c) {
      if (table.configurations[c].group != groups[g]) continue;
      for (Residual& r : residuals(prior, table, c, features)) known.push_back(std::move(r));
      for (Residual& r : residuals_by_features(prior, table, c))
        by_features.push_back(std::move(r));
    }
    if (progress) progress(g + 1, groups.size());
  }
  known.insert(known.end(), by_features.begin(), by_features.end());
  return known;
}

Result<Prior> fit_bounded_prior(const Measurements& table,
                                std::span<const NetworkFeatures> features,
                                const FitOptions& options, const OnProgress& progress) {
  Prior prior = TRY(fit_prior(table, features, options));
  set_bounds(prior, TRY(leave_groups_out(table, features, options, progress)));
  return prior;
}

Result<Validation> validate(const Prior& prior, const Measurements& table,
                            std::span<const NetworkFeatures> features) {
  if (prior.statistic != table.statistic)
    return fail(ErrorId::bad_data, fmt::format("the prior is of {}_ms, the table is read for {}_ms",
                                               name(prior.statistic), name(table.statistic)));
  Report report(table, features, prior.calibration);
  for (size_t c = 0; c < table.configurations.size(); ++c)
    for (const Residual& r : residuals(prior, table, c, features)) report.add(r, prior);
  return report.finish(false, groups_of(table).size());
}

Result<Validation> validate_left_out(const Measurements& table,
                                     std::span<const NetworkFeatures> features,
                                     const FitOptions& options, const OnProgress& progress) {
  const auto all = TRY(leave_groups_out(table, features, options, progress));
  std::vector<std::string> calibration = options.calibration;
  if (calibration.empty())
    calibration.assign(default_calibration().begin(), default_calibration().end());
  Report report(table, features, calibration);
  const auto groups = groups_of(table);
  for (const std::string& group : groups) {
    std::vector<Residual> others;
    for (const Residual& r : all)
      if (table.configurations[r.configuration].group != group) others.push_back(r);
    Prior bounds;
    set_bounds(bounds, others);
    for (const Residual& r : all) {
      // Those by features are for the bounds; each of these networks is among the known ones.
      if (table.configurations[r.configuration].group == group && r.known) report.add(r, bounds);
    }
  }
  return report.finish(true, groups.size());
}

}  // namespace hone::calibrate
