// `hone validate`: estimates against what is measured afterwards.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "api/analysis.h"
#include "api/random_input.h"
#include "backends/backends.h"
#include "base/atomic_file.h"
#include "base/hash.h"
#include "base/text.h"
#include "calibrate/calibrations.h"
#include "calibrate/model_timer.h"
#include "calibrate/nnls.h"
#include "calibrate/published/errors.h"
#include "cli/commands.h"
#include "cli/estimates.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/published.h"
#include "formats/csv.h"
#include "hardware/host.h"
#include "measure/machine_peaks.h"

namespace hone::cli {
namespace {

using calibrate::ErrorCase;
using calibrate::ErrorSummary;

constexpr const char* kWholeRun = "run";  // instead of a step's number

struct Prediction {
  std::string model;
  estimate::Quantity latency;
  double macs = 0, bytes = 0, parameters = 0;
  std::vector<estimate::OperatorCost> operators;
  std::vector<std::string> types;  // of each operator
};

struct Outcome {
  Prediction predicted;
  calibrate::ModelTime time;
};

// Simpler ways on the same data, each without the model that it estimates.
struct Baseline {
  std::string name;
  ErrorSummary summary;
};

std::string predictions_json(const std::vector<Prediction>& predictions) {
  std::string text;
  JsonWriter json(text);
  json.begin_array();
  for (const Prediction& p : predictions) {
    json.begin_object();
    json.member("model", p.model);
    write_quantity(json, "latency_s", p.latency);
    json.end_object();
  }
  json.end_array();
  return text + "\n";
}

Result<std::vector<Prediction>> predict(const Arguments& arguments, int threads) {
  const DeviceRegistry registry;
  std::vector<Prediction> predictions;
  for (const std::string& path : arguments.positionals()) {
    const OpenedWorkload opened =
        TRY(open_workload(path, open_options(arguments), TRY(dim_bindings(arguments))));
    const auto a = TRY(
        analyze_on(opened, registry, "host", 1, {threads, arguments.text("--calibration"), {}}));
    double bytes = 0;
    for (const estimate::Step& s : opened.work.steps)
      for (const estimate::Touch& t : s.touches) bytes += t.bytes;
    predictions.push_back(
        {path, a.latency, opened.work.macs, bytes, double(opened.parameters), a.operators, {}});
    for (const estimate::OperatorCost& c : a.operators)
      predictions.back().types.push_back(calibrate::dims_of(opened.work.steps[c.step]));
  }
  return predictions;
}

Result<std::vector<calibrate::TimedModel>> prepare(const Arguments& arguments) {
  const Dim::Bindings bindings = TRY(dim_bindings(arguments));
  std::vector<calibrate::TimedModel> models;
  for (const std::string& path : arguments.positionals()) {
    OpenedModel opened = TRY(open_model_file(path, open_options(arguments)));
    const auto model =
        TRY(calibrate::lowered(std::move(opened.model), cpu_backend(), arguments.limits, false));
    const auto program = TRY(Program::make(model, all_backends(), arguments.limits));
    calibrate::TimedModel timed{path, program, {}};
    for (const ValueId v : model->main().inputs)
      timed.inputs.push_back(
          TRY(random_datum(model->main()[v].type, 1, bindings, arguments.limits)));
    models.push_back(std::move(timed));
  }
  return models;
}

// Steps of one family in all models.
struct FamilyErrors {
  double estimated = 0, measured = 0;  // seconds of all
  std::vector<ErrorCase> cases;
};

std::map<std::string, FamilyErrors> families_of(const std::vector<Outcome>& outcomes) {
  std::map<std::string, FamilyErrors> families;
  for (const Outcome& o : outcomes)
    for (const estimate::OperatorCost& c : o.predicted.operators) {
      const double measured = o.time.steps[c.step];
      if (!(measured > 0)) continue;
      FamilyErrors& f = families[c.family];
      f.estimated += c.seconds.value;
      f.measured += measured;
      f.cases.push_back({0, std::max(c.seconds.value, 1e-9), measured,
                         std::log(c.seconds.high / c.seconds.value)});
    }
  return families;
}

std::string operators_csv(const std::vector<Outcome>& outcomes) {
  std::string text =
      "model,step,name,op,family,types,estimated_s,low_s,high_s,measured_s,again_s\n";
  const auto number = [](double x) { return fmt::format("{:.6g}", x); };
  for (const Outcome& o : outcomes) {
    const estimate::Quantity& l = o.predicted.latency;
    text += csv_line({o.predicted.model, kWholeRun, "", "", "", "", number(l.value), number(l.low),
                      number(l.high), number(o.time.first_s), number(o.time.second_s)});
    for (size_t i = 0; i < o.predicted.operators.size(); ++i) {
      const estimate::OperatorCost& c = o.predicted.operators[i];
      text += csv_line({o.predicted.model, std::to_string(c.step), c.name, c.op, c.family,
                        o.predicted.types[i], number(c.seconds.value), number(c.seconds.low),
                        number(c.seconds.high), number(o.time.steps[c.step]), ""});
    }
  }
  return text;
}

// Times that an earlier run wrote with --operators.
Result<std::vector<calibrate::ModelTime>> recorded(const CsvTable& table,
                                                   const std::vector<Prediction>& predictions) {
  const size_t model = TRY(table.column("model")), step = TRY(table.column("step")),
               measured = TRY(table.column("measured_s")), again = TRY(table.column("again_s"));
  std::vector<calibrate::ModelTime> times;
  for (const Prediction& p : predictions) {
    calibrate::ModelTime t;
    t.name = p.model;
    t.steps.resize(p.operators.empty() ? 0 : p.operators.back().step + 1);
    for (size_t r = 0; r < table.rows(); ++r) {
      if (table.cell(r, model) != p.model) continue;
      if (table.cell(r, step) == kWholeRun) {
        t.first_s = TRY(table.number(r, measured));
        t.second_s = TRY(table.number(r, again));
      } else if (const double at = TRY(table.number(r, step)); at >= 0 && at < t.steps.size()) {
        t.steps[size_t(at)] = TRY(table.number(r, measured));
      }
    }
    if (!(t.median() > 0))
      return fail(ErrorId::usage, table.name() + " has no times of " + p.model);
    times.push_back(std::move(t));
  }
  return times;
}

std::vector<ErrorCase> cases_of(const std::vector<Outcome>& outcomes) {
  std::vector<ErrorCase> cases;
  for (const Outcome& o : outcomes)
    cases.push_back({0, o.predicted.latency.value, o.time.median(),
                     std::log(o.predicted.latency.high / o.predicted.latency.value)});
  return cases;
}

Baseline roofline(const std::vector<Outcome>& outcomes, const measure::MachinePeaks& peaks) {
  std::vector<ErrorCase> cases;
  for (const Outcome& o : outcomes) {
    const double compute = peaks.f32_flops > 0 ? 2 * o.predicted.macs / peaks.f32_flops : 0;
    const double memory =
        peaks.dram_bytes_per_s > 0 ? o.predicted.bytes / peaks.dram_bytes_per_s : 0;
    cases.push_back({0, std::max({compute, memory, 1e-9}), o.time.median()});
  }
  return {"roofline of measured peaks", calibrate::summarize(cases)};
}

Result<Baseline> regression(const std::vector<Outcome>& outcomes) {
  std::vector<ErrorCase> cases;
  for (size_t left = 0; left < outcomes.size(); ++left) {
    calibrate::Matrix a(outcomes.size() - 1, 4);
    std::vector<double> b, weights;
    const auto row = [&](const Prediction& p) {
      return std::array{p.macs * 1e-9, p.bytes * 1e-9, p.parameters * 1e-9, 1e-3};
    };
    for (const Outcome& o : outcomes) {
      if (&o == &outcomes[left]) continue;
      const auto r = row(o.predicted);
      for (size_t c = 0; c < r.size(); ++c) a(b.size(), c) = r[c];
      b.push_back(o.time.median());
      weights.push_back(1 / (b.back() * b.back()));
    }
    const auto x = TRY(calibrate::solve(a, b, weights, {}));
    const auto r = row(outcomes[left].predicted);
    double estimated = 0;
    for (size_t c = 0; c < r.size(); ++c) estimated += x[c] * r[c];
    cases.push_back({0, std::max(estimated, 1e-9), outcomes[left].time.median()});
  }
  return Baseline{"four coefficients, each model left out", calibrate::summarize(cases)};
}

// The models by their rate of multiply-adds: the rate of the one nearest in size.
Baseline efficiency_curve(const std::vector<Outcome>& outcomes) {
  std::vector<ErrorCase> cases;
  for (const Outcome& o : outcomes) {
    const Outcome* nearest = nullptr;
    const auto apart = [&](const Outcome& other) {
      return std::abs(std::log((other.predicted.macs + 1) / (o.predicted.macs + 1)));
    };
    for (const Outcome& other : outcomes)
      if (&other != &o && (!nearest || apart(other) < apart(*nearest))) nearest = &other;
    if (!nearest) continue;
    const double rate = nearest->predicted.macs / nearest->time.median();
    cases.push_back({0, std::max(o.predicted.macs / std::max(rate, 1.0), 1e-9), o.time.median()});
  }
  return {"efficiency of the model nearest in size", calibrate::summarize(cases)};
}

// Measured twice: the error that no estimate can be below.
double retest(const std::vector<Outcome>& outcomes) {
  std::vector<ErrorCase> cases;
  for (const Outcome& o : outcomes) cases.push_back({0, o.time.first_s, o.time.second_s});
  return calibrate::summarize(cases).median;
}

void write(JsonWriter& json, const ErrorSummary& s) {
  json.begin_object();
  json.member("n", int64_t(s.n));
  json.member("median", s.median);
  json.member("mean", s.mean);
  json.member("p95", s.p95);
  json.member("max", s.most);
  json.member("within_5_percent", s.within_5);
  json.member("within_10_percent", s.within_10);
  json.member("within_20_percent", s.within_20);
  json.member("coverage", s.coverage);
  json.member("median_half_width", s.half_width);
  json.member("rank_correlation", s.rank);
  json.end_object();
}

void write(JsonWriter& json, const std::vector<Outcome>& outcomes,
           const std::vector<Baseline>& baselines, const std::string& hash, int threads) {
  json.begin_object();
  json.member("threads", threads);
  json.member("predictions_sha256", hash);
  json.key("models");
  json.begin_array();
  for (const Outcome& o : outcomes) {
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
    json.end_object();
  }
  json.end_array();
  json.key("summary");
  write(json, calibrate::summarize(cases_of(outcomes)));
  json.member("retest", retest(outcomes));
  json.key("families");
  json.begin_array();
  for (const auto& [name, f] : families_of(outcomes)) {
    json.begin_object();
    json.member("family", name);
    json.member("estimated_s", f.estimated);
    json.member("measured_s", f.measured);
    json.key("summary");
    write(json, calibrate::summarize(f.cases));
    json.end_object();
  }
  json.end_array();
  json.key("baselines");
  json.begin_array();
  for (const Baseline& b : baselines) {
    json.begin_object();
    json.member("name", b.name);
    json.key("summary");
    write(json, b.summary);
    json.end_object();
  }
  json.end_array();
  json.end_object();
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
  return table(rows, {1, 2, 3, 4, 5, 6});
}

std::string text_of(const std::vector<Outcome>& outcomes, const std::vector<Baseline>& baselines) {
  std::vector<std::vector<std::string>> rows{
      {"model", "estimated", "90 %", "measured", "again", "error", "arena"}};
  for (const Outcome& o : outcomes) {
    const auto& q = o.predicted.latency;
    const bool exact = o.time.planned_arena_bytes == o.time.measured_arena_bytes;
    rows.push_back({std::string(printable(o.predicted.model)), time_text(q.value),
                    time_text(q.low) + " to " + time_text(q.high), time_text(o.time.first_s),
                    time_text(o.time.second_s),
                    fmt::format("{:+.1f} %", (q.value / o.time.median() - 1) * 100),
                    exact ? "exact" : "differs"});
  }
  std::string text = table(rows, {1, 2, 3, 4, 5});
  const auto line = [](std::string_view name, const ErrorSummary& s) {
    return std::vector<std::string>{std::string(name),
                                    fmt::format("{:.1f} %", s.median * 100),
                                    fmt::format("{:.1f} %", s.mean * 100),
                                    fmt::format("{:.1f} %", s.p95 * 100),
                                    fmt::format("{:.0f} %", s.within_10 * 100),
                                    std::isnan(s.rank) ? "-" : fmt::format("{:.3f}", s.rank)};
  };
  const ErrorSummary s = calibrate::summarize(cases_of(outcomes));
  rows = {{"", "median", "mean", "95 % below", "within 10 %", "ranks"}, line("estimates", s)};
  for (const Baseline& b : baselines) rows.push_back(line(b.name, b.summary));
  text += "\n" + table(rows, {1, 2, 3, 4, 5});
  text += fmt::format(
      "measured twice: {:.1f} % apart (median); intervals cover {:.0f} %, half as wide "
      "as {:.0f} % of the estimate (median)\n",
      retest(outcomes) * 100, s.coverage * 100, s.half_width * 100);
  return text + "\n" + families_text(outcomes);
}

Result<std::vector<calibrate::ModelTime>> times_of(const std::vector<Prediction>& predictions,
                                                   const Arguments& arguments, ThreadPool& pool) {
  if (arguments.has("--recorded"))
    return recorded(TRY(open_table(arguments.text("--recorded"), arguments.limits)), predictions);
  const auto models = TRY(prepare(arguments));
  Progress progress(arguments);
  auto times = TRY(calibrate::time_models(
      models, arguments.real("--seconds"), pool,
      [&](size_t done, size_t all) { progress.show("measuring", done, all); }));
  progress.hide();
  return times;
}

Result<int> validate_models(const Arguments& arguments) {
  const int threads = arguments.threads > 0 ? arguments.threads : ThreadPool::usable_cpus();
  const auto predictions = TRY(predict(arguments, threads));
  // Fixed before anything is measured.
  const std::string text = predictions_json(predictions);
  const std::string hash = sha256_hex(std::as_bytes(std::span(text)));
  if (arguments.has("--predictions")) TRY(write_file(arguments.text("--predictions"), text));
  if (!arguments.json)
    put(fmt::format("{} estimate{}, SHA-256 {}\n", predictions.size(),
                    predictions.size() == 1 ? "" : "s", hash));
  ThreadPool pool(threads);
  const auto times = TRY(times_of(predictions, arguments, pool));
  std::vector<Outcome> outcomes;
  for (size_t i = 0; i < predictions.size(); ++i) outcomes.push_back({predictions[i], times[i]});
  std::vector<Baseline> baselines{roofline(outcomes, measure::measure_peaks(pool))};
  constexpr size_t kEnough = 6;  // for four coefficients
  if (outcomes.size() >= kEnough) {
    baselines.push_back(TRY(regression(outcomes)));
    baselines.push_back(efficiency_curve(outcomes));
  }
  if (arguments.json)
    put_json([&](JsonWriter& json) { write(json, outcomes, baselines, hash, threads); });
  else
    put(text_of(outcomes, baselines));
  if (arguments.has("--operators"))
    TRY(write_file(arguments.text("--operators"), operators_csv(outcomes)));
  const double most = arguments.has("--max-median") ? arguments.real("--max-median") : INFINITY;
  return calibrate::summarize(cases_of(outcomes)).median <= most ? 0 : 1;
}

Result<int> run(const Arguments& arguments) {
  if (arguments.has("--energy"))
    return validate_energy_table(
        {arguments.text("--energy"), arguments.text("--calibration-network")}, arguments);
  if (arguments.has("--table")) return validate_table(published_table(arguments), arguments);
  if (arguments.positionals().empty()) {
    Error error = fail(ErrorId::usage, "`hone validate` needs models, --table or --energy");
    error.hint = "`hone help validate` has examples";
    return error;
  }
  return validate_models(arguments);
}

}  // namespace

const Command& validate_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "validate",
      .summary = "Compare estimates with what is measured.",
      .examples =
          "$ hone validate model.onnx other.onnx --threads 1\n"
          "$ hone validate models/*.onnx --predictions predictions.json --max-median 0.05\n"
          "$ hone validate --table latencies.csv --features networks.csv --prior prior.json\n"
          "$ hone validate --energy boards.csv",
      .details =
          "Estimates every model first and prints the SHA-256 of the estimates, so that nothing "
          "that "
          "is\nmeasured can have changed them; then measures all, and all again. Errors stand "
          "beside "
          "the test-retest\nfloor and simpler ways on the same data. Exits 1 where the median "
          "error "
          "is above --max-median.\n\n--table and --energy compare with published measurements: "
          "docs/published_tables.md.",
      .positionals = {{"MODEL", "the model files", 0, kAny, true}},
      .flags = with_table_flags(
          {{"--seconds", Kind::real, "S", "of measuring each model", "2"},
           {"--bind", Kind::texts, "SYMBOL=SIZE", "the size of a symbolic dimension; 1 without"},
           {"--calibration", Kind::text, "FILE", "a calibration instead of the registered one"},
           {"--predictions", Kind::text, "FILE.json", "write the estimates, before measuring"},
           {"--operators", Kind::text, "FILE.csv", "write estimate and measurement of every step"},
           {"--recorded", Kind::text, "FILE.csv",
            "do not measure: the times are those of --operators"},
           {"--max-median", Kind::real, "X", "the median error that is accepted, such as 0.05"},
           {"--energy", Kind::text, "FILE.csv", "validate energy: a table of boards"},
           {"--calibration-network", Kind::text, "NAME", "of --energy: whose power is known",
            "kws"}}),
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
