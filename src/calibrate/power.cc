#include "calibrate/power.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "calibrate/conformal.h"
#include "calibrate/nnls.h"
#include "calibrate/statistics.h"

namespace hone::calibrate {
namespace {

using estimate::PowerFit;
using measure::EnergyReading;
using measure::EnergySensor;

constexpr int kMostRounds = 3;
constexpr size_t kLeastWorkloads = 9;  // of which a conformal bound at 90 % needs so many
// Idling that differs more before and after is not idling.
constexpr double kDrift = 0.2;
// What a price has to be worth: so much of the error without it may be left, and so much of its
// value may be its standard error.
constexpr double kWorth = 0.8, kSure = 1.0 / 3;
// Wider than what is known of CPUs that nobody has measured.
constexpr double kWidest = 0.6;

enum Column : size_t { kCompute, kMemory, kOperations, kBytes, kColumns };

double column(const Activity& a, size_t c) {
  switch (c) {
    case kCompute: return a.compute;
    case kMemory: return a.memory;
    case kOperations: return a.operations;
    default: return a.bytes;
  }
}

// All sensors together: each counts other joules.
std::optional<PowerSample> sample_of(std::span<const EnergyReading> readings) {
  double gross = 0, before = 0, after = 0, seconds = 0;
  for (const EnergyReading& r : readings) {
    gross += r.gross_j;
    before += r.idle_before_w;
    after += r.idle_after_w;
    seconds = r.seconds;
  }
  PowerSample s;
  s.idle_w = (before + after) / 2;
  if (seconds <= 0 || gross <= 0 || std::abs(before - after) > kDrift * s.idle_w)
    return std::nullopt;
  s.net_w = std::max(gross / seconds - s.idle_w, 0.0);
  return s;
}

// One row for each workload, the mean of its samples: repeats share what a model gets wrong.
struct Rows {
  double idle_w = 0;
  std::vector<Activity> activities;
  std::vector<double> net_w;

  size_t size() const { return net_w.size(); }
  Rows without(size_t row) const {
    Rows rest = *this;
    rest.activities.erase(rest.activities.begin() + std::ptrdiff_t(row));
    rest.net_w.erase(rest.net_w.begin() + std::ptrdiff_t(row));
    return rest;
  }
};

Rows rows_of(std::span<const PowerSample> samples) {
  Rows rows;
  std::vector<double> idle;
  std::vector<std::string> names;
  std::vector<double> counts;
  for (const PowerSample& s : samples) {
    idle.push_back(s.idle_w);
    auto at = size_t(std::ranges::find(names, s.workload) - names.begin());
    if (at == names.size()) {
      names.push_back(s.workload);
      counts.push_back(0);
      rows.activities.emplace_back();
      rows.net_w.push_back(0);
    }
    // Running means.
    const double share = 1 / ++counts[at];
    Activity& a = rows.activities[at];
    a.operations += share * (s.activity.operations - a.operations);
    a.bytes += share * (s.activity.bytes - a.bytes);
    a.compute += share * (s.activity.compute - a.compute);
    a.memory += share * (s.activity.memory - a.memory);
    rows.net_w[at] += share * (s.net_w - rows.net_w[at]);
  }
  rows.idle_w = median(idle);
  return rows;
}

using Columns = std::vector<size_t>;
using Coefficients = std::array<double, kColumns>;

Matrix matrix_of(const Rows& rows, const Columns& columns) {
  Matrix a(rows.size(), columns.size());
  for (size_t i = 0; i < rows.size(); ++i)
    for (size_t j = 0; j < columns.size(); ++j) a(i, j) = column(rows.activities[i], columns[j]);
  return a;
}

// Of relative errors of all that is drawn.
std::vector<double> weights_of(const Rows& rows) {
  std::vector<double> weights;
  for (const double w : rows.net_w) weights.push_back(1 / std::pow(rows.idle_w + w, 2));
  return weights;
}

Result<Coefficients> coefficients_of(const Rows& rows, const Columns& columns) {
  const std::vector<double> x =
      TRY(solve(matrix_of(rows, columns), rows.net_w, weights_of(rows), {}));
  Coefficients all{};
  for (size_t j = 0; j < columns.size(); ++j) all[columns[j]] = x[j];
  return all;
}

double watts(double idle_w, const Coefficients& x, const Activity& a) {
  double sum = idle_w;
  for (size_t c = 0; c < kColumns; ++c) sum += x[c] * column(a, c);
  return sum;
}

// Standard errors of what is above its bound; infinite where columns depend on each other.
Coefficients standard_errors(const Rows& rows, const Columns& columns, const Coefficients& x) {
  Coefficients errors{};
  Columns free;
  for (const size_t c : columns)
    if (x[c] > 0) free.push_back(c);
  for (const size_t c : columns) errors[c] = std::numeric_limits<double>::infinity();
  if (free.empty() || rows.size() <= free.size()) return errors;
  Matrix a = matrix_of(rows, free);
  const std::vector<double> weights = weights_of(rows);
  double squares = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double left = rows.idle_w + rows.net_w[i] - watts(rows.idle_w, x, rows.activities[i]);
    squares += weights[i] * left * left;
    for (double& value : a.row(i)) value *= std::sqrt(weights[i]);
  }
  constexpr double kDependent = 1e-9;
  const auto l = cholesky(multiply(transpose(a), a), kDependent);
  if (!l) return errors;
  const Matrix inverse = invert_cholesky(*l);
  const double variance = squares / double(rows.size() - free.size());
  for (size_t j = 0; j < free.size(); ++j)
    errors[free[j]] = std::sqrt(std::max(variance * inverse(j, j), 0.0));
  return errors;
}

// Of models with these columns: how far each workload is from what the others say of it.
struct LeftOut {
  std::vector<double> logs;
  double error = 0;  // relative, root of the mean square
};
Result<LeftOut> left_out(const Rows& rows, const Columns& columns) {
  LeftOut left;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Coefficients x = TRY(coefficients_of(rows.without(i), columns));
    const double measured = rows.idle_w + rows.net_w[i];
    const double fitted = watts(rows.idle_w, x, rows.activities[i]);
    left.logs.push_back(std::log(measured / fitted));
    left.error += std::pow(fitted / measured - 1, 2) / double(rows.size());
  }
  left.error = std::sqrt(left.error);
  return left;
}

struct Candidate {
  Columns columns;
  LeftOut left;
  Coefficients x{}, errors{};
};

Result<Candidate> candidate_of(const Rows& rows, bool operations, bool bytes) {
  Candidate c{{kCompute, kMemory}, {}, {}, {}};
  if (operations) c.columns.push_back(kOperations);
  if (bytes) c.columns.push_back(kBytes);
  c.left = TRY(left_out(rows, c.columns));
  c.x = TRY(coefficients_of(rows, c.columns));
  c.errors = standard_errors(rows, c.columns, c.x);
  return c;
}

bool is_sure(const Candidate& c, size_t price) {
  return c.x[price] > 0 && c.errors[price] <= kSure * c.x[price];
}
bool is_better(const Candidate& c, const Candidate& than) {
  return c.left.error <= kWorth * than.left.error;
}

// With both prices where both are worth it, else with the better of those that are, else by states
// alone.
Result<Candidate> choose(const Rows& rows) {
  Candidate states = TRY(candidate_of(rows, false, false));
  Candidate operations = TRY(candidate_of(rows, true, false));
  Candidate bytes = TRY(candidate_of(rows, false, true));
  Candidate both = TRY(candidate_of(rows, true, true));
  if (is_sure(both, kOperations) && is_sure(both, kBytes) && is_better(both, operations) &&
      is_better(both, bytes) && is_better(both, states))
    return both;
  Candidate* best = &states;
  if (is_sure(operations, kOperations) && is_better(operations, states)) best = &operations;
  if (is_sure(bytes, kBytes) && is_better(bytes, states) && bytes.left.error < best->left.error)
    best = &bytes;
  return std::move(*best);
}

}  // namespace

double round_seconds(std::span<const EnergySensor> sensors, size_t workloads) {
  return 3 * measure::energy_window(sensors) * double(workloads);  // idling before and after
}

Result<std::vector<PowerSample>> measure_power(std::span<const EnergySensor> sensors,
                                               PowerBench& bench, double seconds) {
  const std::vector<std::string> names = bench.workloads();
  const double window = measure::energy_window(sensors);
  const double round = round_seconds(sensors, names.size());
  const int rounds = round > 0 ? int(std::clamp(seconds / round, 0.0, double(kMostRounds))) : 0;
  if (rounds < 1)
    return fail(
        ErrorId::inconclusive,
        fmt::format("its counters need {:.1f} s of measuring: give more with --budget", round));
  std::vector<PowerSample> samples;
  for (int i = 0; i < rounds; ++i)
    for (size_t w = 0; w < names.size(); ++w) {
      Activity activity;
      const auto readings = TRY(measure::measure_energy(
          sensors,
          [&]() -> Status {
            activity = TRY(bench.run(w, window));
            return ok();
          },
          [&] { bench.idle(window / 20); }, [&](double s) { bench.idle(s); },
          [&] { return bench.now(); }));
      if (readings.size() < sensors.size())
        return fail(ErrorId::unavailable, "a counter of energy cannot be read any more");
      auto sample = sample_of(readings);
      if (!sample) continue;
      sample->workload = names[w];
      sample->activity = activity;
      samples.push_back(std::move(*sample));
    }
  return samples;
}

Result<PowerFit> fit_power(std::span<const PowerSample> samples) {
  const Rows rows = rows_of(samples);
  if (rows.size() < kLeastWorkloads)
    return fail(ErrorId::inconclusive,
                fmt::format("{} of the {} workloads that are needed could be measured: idle power "
                            "changes, or memory is short",
                            rows.size(), kLeastWorkloads));
  const Candidate c = TRY(choose(rows));
  PowerFit fit;
  fit.workloads = rows.size();
  fit.idle_w = rows.idle_w;
  fit.compute_w = c.x[kCompute];
  fit.memory_w = c.x[kMemory];
  fit.operation_j = c.x[kOperations];
  fit.operation_error_j = c.errors[kOperations];
  fit.byte_j = c.x[kBytes];
  fit.byte_error_j = c.errors[kBytes];
  fit.left_out_error = c.left.error;
  fit.half_width = std::max(conformal_bound(c.left.logs).half_width, 1e-3);
  if (!(fit.half_width <= kWidest))
    return fail(ErrorId::inconclusive,
                fmt::format("the power of workloads left out is up to {:.0f} % off",
                            std::expm1(fit.half_width) * 100));
  return fit;
}

PowerCalibration calibrate_power(const measure::EnergySensors& sensors,
                                 const std::function<std::unique_ptr<PowerBench>()>& bench,
                                 double seconds) {
  if (sensors.found.empty())
    return {std::nullopt, fmt::format("{}", fmt::join(sensors.absent, "; "))};
  const auto samples = measure_power(sensors.found, *bench(), seconds);
  if (!samples) return {std::nullopt, samples.error().message};
  auto fit = fit_power(*samples);
  if (!fit) return {std::nullopt, fit.error().message};
  for (const EnergySensor& s : sensors.found) fit->sensors.push_back(s.name);
  return {fit.take(), {}};
}

}  // namespace hone::calibrate
