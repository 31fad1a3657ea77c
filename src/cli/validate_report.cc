#include "cli/validate_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "calibrate/statistics.h"
#include "cli/error_summary.h"
#include "cli/estimates.h"
#include "cli/validate_steps.h"
#include "report/escape.h"

namespace hone::cli {
namespace {

// The estimates and the simpler ways, by model: how far each is off.
report::HeatMap errors_by_model(const std::vector<Outcome>& outcomes,
                                const std::vector<Baseline>& baselines) {
  report::HeatMap map{
      "Errors by model",
      "model",
      {"estimate", "measured again"},
      {},
      {},
      "Of what was measured; below 0, less was estimated. Shades change at 2, 5, 10, "
      "20 and 50 %."};
  for (const Baseline& b : baselines) map.columns.push_back(b.name);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const Outcome& o = outcomes[i];
    map.rows.push_back(report::short_name(o.predicted.model));
    map.cells.push_back(
        {o.predicted.latency.value / o.time.median() - 1, o.time.second_s / o.time.first_s - 1});
    for (const Baseline& b : baselines)
      map.cells.back().push_back(i < b.errors.size() ? b.errors[i] : NAN);
  }
  return map;
}

// What the fit leaves over of the synthetic operators, by family and by how long they take.
report::HeatMap residuals_by_family(const estimate::Calibration& calibration) {
  static constexpr std::array kBounds{1e-5, 1e-4, 1e-3};
  report::HeatMap map{"Residuals of the calibration, by family of kernels and time of an operator",
                      "family",
                      {"up to 10 us", "to 100 us", "to 1 ms", "longer"},
                      {},
                      {},
                      "Median distance of the synthetic operators, which were measured, to their "
                      "fit. Empty: fewer than three."};
  constexpr size_t kLeast = 3;
  for (const estimate::FamilyFit& family : calibration.families) {
    std::array<std::vector<double>, 4> cells;
    for (const estimate::Residual& r : family.residuals)
      cells[size_t(std::ranges::upper_bound(kBounds, r.seconds) - kBounds.begin())].push_back(
          std::abs(std::expm1(r.log_ratio)));
    if (std::ranges::all_of(cells, [&](const auto& c) { return c.size() < kLeast; })) continue;
    map.rows.push_back(family.family);
    map.cells.emplace_back();
    for (auto& cell : cells) {
      if (cell.size() < kLeast) {
        map.cells.back().push_back(NAN);
        continue;
      }
      map.cells.back().push_back(calibrate::median(cell));
    }
  }
  return map;
}

report::Table models_table(const std::vector<Outcome>& outcomes) {
  report::Table table{"Models",
                      {{"model", false, true},
                       {"estimated", true},
                       {"90 % interval", true},
                       {"measured", true},
                       {"again", true},
                       {"error", true},
                       {"within"},
                       {"arena"}},
                      {},
                      {}};
  for (const Outcome& o : outcomes) {
    const auto& q = o.predicted.latency;
    const double measured = o.time.median();
    table.rows.push_back(
        {report::short_name(o.predicted.model), report::bound_text(q, time_text),
         report::interval_text(q, time_text), time_text(o.time.first_s), time_text(o.time.second_s),
         fmt::format("{:+.1f} %", (q.value / measured - 1) * 100),
         q.low <= measured && measured <= q.high ? "yes" : "no",
         o.time.planned_arena_bytes == o.time.measured_arena_bytes ? "exact" : "differs"});
  }
  return table;
}

report::Table ways_table(const ErrorSummary& estimates, const std::vector<Baseline>& baselines) {
  report::Table table{"Beside simpler ways on the same data",
                      {{"", false, true},
                       {"median", true},
                       {"mean", true},
                       {"95 % below", true},
                       {"most", true},
                       {"within 5 %", true},
                       {"within 10 %", true},
                       {"within 20 %", true},
                       {"ranks", true}},
                      {},
                      {}};
  const auto add = [&](std::string name, const ErrorSummary& s) {
    std::vector<std::string> row{std::move(name)};
    for (const double error : {s.median, s.mean, s.p95, s.most})
      row.push_back(fmt::format("{:.1f} %", error * 100));
    for (const double share : {s.within_5, s.within_10, s.within_20})
      row.push_back(percent_text(share));
    row.push_back(std::isnan(s.rank) ? "-" : fmt::format("{:.3f}", s.rank));
    table.rows.push_back(std::move(row));
  };
  add("estimates", estimates);
  for (const Baseline& b : baselines) add(b.name, b.summary);
  return table;
}

// Steps of every family in the models: how far the median one is off, by how long they take.
report::HeatMap errors_by_family(const std::vector<Outcome>& outcomes) {
  static constexpr std::array kBounds{1e-5, 1e-4, 1e-3};
  report::HeatMap map{"Errors of single steps, by family of kernels and measured time",
                      "family",
                      {"up to 10 us", "to 100 us", "to 1 ms", "longer", "sum of all"},
                      {},
                      {},
                      "Median of |estimated / measured - 1|; the last column is how far the sum of "
                      "all steps is off."};
  for (const auto& [name, f] : families_of(outcomes)) {
    std::array<std::vector<double>, 4> cells;
    for (const ErrorCase& c : f.cases)
      cells[size_t(std::ranges::upper_bound(kBounds, c.measured) - kBounds.begin())].push_back(
          c.error());
    map.rows.push_back(name);
    map.cells.emplace_back();
    for (const auto& cell : cells)
      map.cells.back().push_back(cell.empty() ? NAN : calibrate::median(cell));
    map.cells.back().push_back(f.estimated / f.measured - 1);
  }
  return map;
}

report::Records records_of(const std::vector<Outcome>& outcomes) {
  report::Records records{
      {"model", "estimated_s", "estimated_low_s", "estimated_high_s", "confidence", "first_s",
       "second_s", "runs", "error", "planned_arena_bytes", "measured_arena_bytes"},
      {}};
  for (const Outcome& o : outcomes) {
    const auto& q = o.predicted.latency;
    records.rows.push_back(
        {o.predicted.model, q.value, q.low, q.high, std::string(estimate::name(q.confidence)),
         o.time.first_s, o.time.second_s, double(o.time.runs), q.value / o.time.median() - 1,
         double(o.time.planned_arena_bytes), double(o.time.measured_arena_bytes)});
  }
  return records;
}

// A lower bound has no interval that could cover.
double half_width_of(const estimate::Quantity& q) { return q.is_at_least() ? NAN : q.half_width(); }

}  // namespace

std::vector<ErrorCase> cases_of(const std::vector<Outcome>& outcomes) {
  std::vector<ErrorCase> cases;
  for (const Outcome& o : outcomes)
    cases.push_back(
        {0, o.predicted.latency.value, o.time.median(), half_width_of(o.predicted.latency)});
  return cases;
}

std::vector<ErrorCase> memory_cases(const std::vector<Outcome>& outcomes) {
  std::vector<ErrorCase> cases;
  for (const Outcome& o : outcomes)
    if (const auto& q = o.predicted.process_memory; q && std::isfinite(o.process_bytes))
      cases.push_back({0, q->value, o.process_bytes, half_width_of(*q)});
  return cases;
}

double retest(const std::vector<Outcome>& outcomes) {
  std::vector<ErrorCase> cases;
  for (const Outcome& o : outcomes) cases.push_back({0, o.time.first_s, o.time.second_s});
  return calibrate::summarize(cases).median;
}

void write_validation(JsonWriter& json, const ModelValidation& v,
                      const std::optional<FloorsReport>& floors) {
  json.begin_object();
  json.member("threads", v.threads);
  json.member("predictions_sha256", v.hash);
  json.key("models");
  json.begin_array();
  for (const Outcome& o : v.outcomes) {
    json.begin_object();
    json.member("model", o.predicted.model);
    write_quantity(json, "estimated_s", o.predicted.latency);
    json.member("measured_s", o.time.median());
    json.member("first_s", o.time.first_s);
    json.member("second_s", o.time.second_s);
    json.member("runs", int64_t(o.time.runs));
    json.member("error", o.predicted.latency.value / o.time.median() - 1);
    json.member("planned_arena_bytes", o.time.planned_arena_bytes);
    json.member("measured_arena_bytes", o.time.measured_arena_bytes);
    if (const auto& q = o.predicted.process_memory; q && std::isfinite(o.process_bytes)) {
      write_quantity(json, "process_memory_bytes", *q);
      json.member("measured_process_memory_bytes", o.process_bytes);
    }
    json.end_object();
  }
  json.end_array();
  if (const auto cases = memory_cases(v.outcomes); !cases.empty()) {
    write_summary(json, "memory_summary", calibrate::summarize(cases));
  }
  write_summary(json, "summary", calibrate::summarize(cases_of(v.outcomes)));
  json.member("retest", retest(v.outcomes));
  json.key("families");
  json.begin_array();
  for (const auto& [name, f] : families_of(v.outcomes)) {
    json.begin_object();
    json.member("family", name);
    json.member("estimated_s", f.estimated);
    json.member("measured_s", f.measured);
    write_summary(json, "summary", calibrate::summarize(f.cases));
    json.end_object();
  }
  json.end_array();
  json.key("baselines");
  json.begin_array();
  for (const Baseline& b : v.baselines) {
    json.begin_object();
    json.member("name", b.name);
    write_summary(json, "summary", b.summary);
    json.end_object();
  }
  json.end_array();
  if (floors) {
    json.key("floors");
    write(json, *floors);
  }
  json.end_object();
}

report::Report validation_report(const ModelValidation& v,
                                 const std::optional<estimate::Calibration>& calibration) {
  const auto& [threads, hash, outcomes, baselines] = v;
  const ErrorSummary s = calibrate::summarize(cases_of(outcomes));
  report::Report report;
  report::Document& d = report.document;
  d.title = "Estimates against measurements";
  d.subtitle = fmt::format("{} model{}, {} thread{}", outcomes.size(),
                           outcomes.size() == 1 ? "" : "s", threads, threads == 1 ? "" : "s");
  d.sections.push_back(
      {"",
       {report::Facts{
            {{"median error", fmt::format("{:.1f} %", s.median * 100)},
             {"measured twice", fmt::format("{:.1f} % apart (median)", retest(outcomes) * 100)},
             {"90 % intervals", fmt::format("cover {}; half as wide as {} of the estimate (median)",
                                            percent_text(s.coverage), percent_text(s.half_width))},
             {"SHA-256 of the estimates", hash}}},
        models_table(outcomes), errors_by_model(outcomes, baselines), ways_table(s, baselines)}});
  if (auto map = errors_by_family(outcomes); !map.rows.empty())
    d.sections.push_back({"Steps", {std::move(map)}});
  if (calibration) {
    auto map = residuals_by_family(*calibration);
    if (!map.rows.empty())
      d.sections.push_back({"The calibration of " + calibration->created, {std::move(map)}});
  }
  report.records = records_of(outcomes);
  JsonWriter json(report.json);
  write_validation(json, v, std::nullopt);
  return report;
}

}  // namespace hone::cli
