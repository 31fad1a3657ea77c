#include "calibrate/published/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "calibrate/published/baselines.h"

namespace hone::calibrate {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

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
    const ConformalBound& bound = bounds.bound(r.kind, r.known);
    const double half_width = bound.n == 0 ? kNaN : bound.half_width * r.prediction.deviation;
    cases_.push_back(
        {r.configuration, std::exp(r.prediction.log_milliseconds), r.measured, half_width});
    add_baselines(r);
  }

  Validation finish(bool left_out, size_t groups) {
    validation_.left_out = left_out;
    validation_.groups = groups;
    const auto by_run = [](const ErrorCase& a, const ErrorCase& b) { return a.run < b.run; };
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
  std::vector<ErrorCase> select(Choice&& choice) const {
    std::vector<ErrorCase> chosen;
    for (const ErrorCase& c : cases_)
      if (choice(c.run)) chosen.push_back(c);
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
    add_part("CPU, 2 to 4 threads",
             [](const Configuration& c) { return !c.gpu && c.threads > 1 && c.threads <= 4; });
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
  std::vector<ErrorCase> cases_;
  std::array<std::vector<ErrorCase>, kBaselines> baseline_cases_;
  std::array<std::optional<FittedBaseline>, kBaselines> baselines_;
  size_t fitted_for_ = SIZE_MAX;
};

std::vector<std::string> groups_of(const Measurements& table) {
  std::vector<std::string> groups;
  for (const Configuration& c : table.configurations)
    if (std::find(groups.begin(), groups.end(), c.group) == groups.end()) groups.push_back(c.group);
  return groups;
}

// Each group takes a fit to all rows, and each row one with each network taken out.
Status refuse_too_much(const Measurements& table, size_t groups) {
  if (groups < 3) {
    Error error = fail(ErrorId::bad_data,
                       fmt::format("leaving each device or group out in turn takes at least three: "
                                   "the table has {}",
                                   groups));
    error.hint = "add rows of other devices, or leave out another column with --leave-out";
    return error;
  }
  const auto n = double(table.networks.size()), rows = double(table.configurations.size());
  const double work = n * n * n * rows * (double(groups) + n);
  if (work <= kMostFitWork) return ok();
  Error error = fail(ErrorId::over_time,
                     fmt::format("{} networks in {} runs of {} devices or groups are too many to "
                                 "leave each out in turn",
                                 table.networks.size(), table.configurations.size(), groups));
  error.hint = "split the table, or leave networks out";
  return error;
}

}  // namespace

Result<std::vector<Residual>> leave_groups_out(const Measurements& table,
                                               std::span<const NetworkFeatures> features,
                                               const FitOptions& options,
                                               const OnProgress& progress) {
  std::vector<Residual> known, by_features;
  const auto groups = groups_of(table);
  TRY(refuse_too_much(table, groups.size()));
  for (size_t g = 0; g < groups.size(); ++g) {
    FitOptions others = options;
    others.without_group = groups[g];
    const Prior prior =
        TRY(fit_prior(table, features, others).context(fmt::format("leaving {} out", groups[g])));
    for (size_t c = 0; c < table.configurations.size(); ++c) {
      if (table.configurations[c].group != groups[g]) continue;
      for (const Residual& r : residuals(prior, table, c, features)) known.push_back(r);
      for (const Residual& r : residuals_by_features(prior, table, c)) by_features.push_back(r);
    }
    if (progress) progress(g + 1, groups.size());
  }
  known.insert(known.end(), by_features.begin(), by_features.end());
  return known;
}

Result<Prior> fit_bounded_prior(const Measurements& table,
                                std::span<const NetworkFeatures> features,
                                const FitOptions& options, const OnProgress& progress) {
  const auto left_out = TRY(leave_groups_out(table, features, options, progress));
  Prior prior = TRY(fit_prior(table, features, options));
  set_bounds(prior, left_out);
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
