#include "cli/validate_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/output.h"

namespace hone::cli {
namespace {

constexpr const char* kWholeRun = "run";  // instead of a step's number

}  // namespace

std::map<std::string, FamilyErrors> families_of(const std::vector<Outcome>& outcomes) {
  std::map<std::string, FamilyErrors> families;
  for (const Outcome& o : outcomes)
    for (const estimate::OperatorCost& c : o.predicted.operators) {
      const double measured = c.step < o.time.steps.size() ? o.time.steps[c.step] : 0;
      if (!(measured > 0)) continue;
      FamilyErrors& f = families[c.family];
      f.estimated += c.seconds.value;
      f.measured += measured;
      f.cases.push_back({0, std::max(c.seconds.value, 1e-9), measured,
                         std::log(c.seconds.high / c.seconds.value)});
    }
  return families;
}

std::string families_text(const std::vector<Outcome>& outcomes) {
  const auto families = families_of(outcomes);
  double all = 0;
  for (const auto& [name, f] : families) all += f.measured;
  std::vector<std::vector<std::string>> rows{
      {"family", "steps", "of the time", "sum off by", "median", "95 % below", "covered"}};
  for (const auto& [name, f] : families) {
    const ErrorSummary s = calibrate::summarize(f.cases);
    rows.push_back({name, std::to_string(s.n), fmt::format("{:.1f} %", 100 * f.measured / all),
                    fmt::format("{:+.1f} %", (f.estimated / f.measured - 1) * 100),
                    fmt::format("{:.1f} %", s.median * 100), fmt::format("{:.0f} %", s.p95 * 100),
                    fmt::format("{:.0f} %", s.coverage * 100)});
  }
  return families.empty() ? "" : table(rows, {1, 2, 3, 4, 5, 6});
}

std::string steps_csv(const std::vector<Outcome>& outcomes) {
  std::string text =
      "model,step,name,op,family,types,estimated_s,low_s,high_s,measured_s,again_s\n";
  const auto number = [](double x) { return fmt::format("{:.6g}", x); };
  for (const Outcome& o : outcomes) {
    const Prediction& p = o.predicted;
    text += csv_line({p.model, kWholeRun, "", "", "", "", number(p.latency.value),
                      number(p.latency.low), number(p.latency.high), number(o.time.first_s),
                      number(o.time.second_s)});
    for (size_t i = 0; i < p.operators.size(); ++i) {
      const estimate::OperatorCost& c = p.operators[i];
      if (c.step >= o.time.steps.size()) continue;
      text += csv_line({p.model, std::to_string(c.step), c.name, c.op, c.family, p.types[i],
                        number(c.seconds.value), number(c.seconds.low), number(c.seconds.high),
                        number(o.time.steps[c.step]), ""});
    }
  }
  return text;
}

Result<std::vector<calibrate::ModelTime>> recorded_times(
    const CsvTable& table, const std::vector<Prediction>& predictions) {
  const size_t model = TRY(table.column("model")), step = TRY(table.column("step")),
               measured = TRY(table.column("measured_s")), again = TRY(table.column("again_s"));
  std::map<std::string, calibrate::ModelTime, std::less<>> times;
  std::map<std::string, size_t, std::less<>> steps;
  for (const Prediction& p : predictions)
    steps[p.model] = p.operators.empty() ? 0 : p.operators.back().step + 1;
  for (size_t r = 0; r < table.rows(); ++r) {
    const auto known = steps.find(table.cell(r, model));
    if (known == steps.end()) continue;
    calibrate::ModelTime& t = times[known->first];
    t.name = known->first;
    t.steps.resize(known->second);
    if (table.cell(r, step) == kWholeRun) {
      t.first_s = TRY(table.number(r, measured));
      t.second_s = TRY(table.number(r, again));
    } else if (const double at = TRY(table.number(r, step));
               at >= 0 && at < double(t.steps.size())) {
      t.steps[size_t(at)] = TRY(table.number(r, measured));
    }
  }
  std::vector<calibrate::ModelTime> out;
  for (const Prediction& p : predictions) {
    const auto found = times.find(p.model);
    if (found == times.end() || !(found->second.median() > 0))
      return fail(ErrorId::usage, table.name() + " has no times of " + p.model);
    out.push_back(found->second);
  }
  return out;
}

}  // namespace hone::cli
