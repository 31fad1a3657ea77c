// `hone validate`: estimates against what is measured afterwards.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "api/analysis.h"
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
#include "cli/floors.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/published.h"
#include "cli/report_files.h"
#include "cli/validate_memory.h"
#include "cli/validate_report.h"
#include "cli/validate_steps.h"
#include "hardware/host.h"
#include "measure/machine_peaks.h"

namespace hone::cli {
namespace {

using calibrate::ErrorCase;
using calibrate::ErrorSummary;

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

// Steps of the entry graph, as they are measured: those that run graphs with what these take.
std::vector<estimate::OperatorCost> entry_steps(const std::vector<estimate::OperatorCost>& all) {
  std::vector<estimate::OperatorCost> steps;
  for (const estimate::OperatorCost& c : all) {
    if (c.graph.empty() || steps.empty()) {
      steps.push_back(c);
      continue;
    }
    estimate::Quantity& sum = steps.back().seconds;
    sum.value += c.seconds.value;
    sum.low += c.seconds.low;
    sum.high += c.seconds.high;
  }
  return steps;
}

Result<std::vector<Prediction>> predict(const Arguments& arguments, int threads) {
  const DeviceRegistry registry;
  std::vector<Prediction> predictions;
  for (const std::string& path : arguments.positionals()) {
    const OpenedWorkload opened =
        TRY(open_workload(path, open_options(arguments), TRY(dim_bindings(arguments))));
    const auto a =
        TRY(analyze_on(opened, registry, "host", 1,
                       {threads, arguments.text("--calibration"), {}, arguments.limits}));
    double bytes = 0;
    opened.work.each_step(
        [&](const estimate::Step& s, double trips, size_t, const estimate::NestedRun*) {
          for (const estimate::Touch& t : s.touches) bytes += trips * t.bytes;
        });
    predictions.push_back({path,
                           a.latency,
                           opened.work.macs,
                           bytes,
                           double(opened.parameters),
                           entry_steps(a.operators),
                           {},
                           a.process_memory});
    for (const estimate::OperatorCost& c : predictions.back().operators)
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
      timed.inputs.push_back(TRY(workload_input(*model, v, bindings, arguments.limits)));
    models.push_back(std::move(timed));
  }
  return models;
}

std::vector<double> errors_of(const std::vector<ErrorCase>& cases) {
  std::vector<double> errors;
  for (const ErrorCase& c : cases) errors.push_back(c.estimated / c.measured - 1);
  return errors;
}

Baseline roofline(const std::vector<Outcome>& outcomes, const measure::MachinePeaks& peaks) {
  std::vector<ErrorCase> cases;
  for (const Outcome& o : outcomes) {
    const double compute = peaks.f32_flops > 0 ? 2 * o.predicted.macs / peaks.f32_flops : 0;
    const double memory =
        peaks.dram_bytes_per_s > 0 ? o.predicted.bytes / peaks.dram_bytes_per_s : 0;
    cases.push_back({0, std::max({compute, memory, 1e-9}), o.time.median()});
  }
  return {"roofline of measured peaks", calibrate::summarize(cases), errors_of(cases)};
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
  return Baseline{"four coefficients, each model left out", calibrate::summarize(cases),
                  errors_of(cases)};
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
    if (!nearest) continue;  // of a single model
    const double rate = nearest->predicted.macs / nearest->time.median();
    cases.push_back({0, std::max(o.predicted.macs / std::max(rate, 1.0), 1e-9), o.time.median()});
  }
  return {"efficiency of the model nearest in size", calibrate::summarize(cases), errors_of(cases)};
}

std::string memory_text(const std::vector<Outcome>& outcomes) {
  const auto cases = memory_cases(outcomes);
  if (cases.empty()) return {};
  std::vector<std::vector<std::string>> rows{
      {"memory of a fresh process", "estimated", "measured", "error"}};
  for (const Outcome& o : outcomes)
    if (const auto& q = o.predicted.process_memory; q && std::isfinite(o.process_bytes))
      rows.push_back({std::string(printable(o.predicted.model)),
                      report::bound_text(*q, report::bytes_text),
                      report::bytes_text(o.process_bytes),
                      fmt::format("{:+.1f} %", (q->value / o.process_bytes - 1) * 100)});
  const ErrorSummary s = calibrate::summarize(cases);
  return "\n" + table(rows, {1, 2, 3}) +
         fmt::format("memory: {:.1f} % off (median), {:.1f} % at most\n", s.median * 100,
                     s.most * 100);
}

std::string text_of(const std::vector<Outcome>& outcomes, const std::vector<Baseline>& baselines) {
  std::vector<std::vector<std::string>> rows{
      {"model", "estimated", "90 %", "measured", "again", "error", "arena"}};
  for (const Outcome& o : outcomes) {
    const auto& q = o.predicted.latency;
    const bool exact = o.time.planned_arena_bytes == o.time.measured_arena_bytes;
    rows.push_back({std::string(printable(o.predicted.model)), report::bound_text(q, time_text),
                    report::interval_text(q, time_text), time_text(o.time.first_s),
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
  return text + memory_text(outcomes) + "\n" + families_text(outcomes);
}

struct Measurements {
  std::vector<calibrate::ModelTime> times;
  std::vector<double> process_bytes;  // none where times are recorded ones
};
Result<Measurements> measured(const std::vector<Prediction>& predictions,
                              const Arguments& arguments, double seconds, int threads,
                              ThreadPool& pool) {
  if (arguments.has("--recorded"))
    return Measurements{
        TRY(recorded_times(TRY(open_table(arguments.text("--recorded"), arguments.limits)),
                           predictions)),
        {}};
  const auto models = TRY(prepare(arguments));
  Progress progress(arguments);
  auto times = TRY(calibrate::time_models(models, seconds, pool, [&](size_t done, size_t all) {
    progress.show("measuring", done, all);
  }));
  progress.hide();
  auto bytes = TRY(measured_memory(models, arguments, threads, pool));
  return Measurements{std::move(times), std::move(bytes)};
}

// The calibration that the estimates rest on, if it is of this machine.
Result<std::optional<estimate::Calibration>> calibration_used(const Arguments& arguments,
                                                              int threads) {
  const std::string path = arguments.text("--calibration");
  if (path.empty())
    return calibrate::calibration_of(cpu_fingerprint(detect_host()), threads, arguments.limits);
  return std::optional(TRY(calibrate::read_calibration(path, arguments.limits)));
}

Result<double> most_median(const Arguments& arguments) {
  if (!arguments.has("--max-median")) return INFINITY;
  const double most = arguments.real("--max-median");
  if (most >= 0 && std::isfinite(most)) return most;
  return fail(ErrorId::usage, "--max-median takes a share from 0 on, such as 0.05, not '" +
                                  printable(arguments.text("--max-median")) + "'");
}

Result<int> validate_models(const Arguments& arguments) {
  const int threads = arguments.threads > 0 ? arguments.threads : ThreadPool::usable_cpus();
  const auto files = TRY(report_files(arguments));
  const double most = TRY(most_median(arguments));
  const double seconds = TRY(seconds_of(arguments, "--seconds", 0.01, 3600));
  TRY(refuse_same_file({{"--predictions", arguments.text("--predictions")},
                        {"--steps", arguments.text("--steps")},
                        {"--floors", arguments.text("--floors")}}));
  std::optional<AtomicFile> steps;  // tried before anything is measured
  if (arguments.has("--steps")) steps = TRY(AtomicFile::create(arguments.text("--steps")));
  TRY(require_model_floor(arguments, threads));
  const auto predictions = TRY(predict(arguments, threads));
  // Fixed before anything is measured.
  const std::string text = predictions_json(predictions);
  const std::string hash = sha256_hex(std::as_bytes(std::span(text)));
  if (arguments.has("--predictions")) TRY(write_file(arguments.text("--predictions"), text));
  if (!arguments.json)
    put(fmt::format("{} estimate{}, SHA-256 {}\n", predictions.size(),
                    predictions.size() == 1 ? "" : "s", hash));
  ThreadPool pool(threads);
  const Measurements m = TRY(measured(predictions, arguments, seconds, threads, pool));
  std::vector<Outcome> outcomes;
  for (size_t i = 0; i < predictions.size(); ++i) {
    outcomes.push_back({predictions[i], m.times[i]});
    if (i < m.process_bytes.size()) outcomes.back().process_bytes = m.process_bytes[i];
  }
  std::vector<Baseline> baselines{roofline(outcomes, measure::measure_peaks(pool))};
  constexpr size_t kEnough = 6;  // for four coefficients
  if (outcomes.size() >= kEnough) {
    baselines.push_back(TRY(regression(outcomes)));
    baselines.push_back(efficiency_curve(outcomes));
  }
  const ModelValidation v{threads, hash, std::move(outcomes), std::move(baselines)};
  const double median = calibrate::summarize(cases_of(v.outcomes)).median;
  std::optional<FloorsReport> floors;
  if (arguments.has("--floors"))
    floors = TRY(compare_with_floors(arguments, ModelsError{threads, median}));
  if (arguments.json)
    put_json([&](JsonWriter& json) { write_validation(json, v, floors); });
  else
    put(text_of(v.outcomes, v.baselines) + (floors ? "\n" + text_of(*floors) : ""));
  if (!files.empty()) {
    const auto calibration = TRY(calibration_used(arguments, threads));
    TRY(write_reports(files, arguments, [&] { return validation_report(v, calibration); }));
  }
  if (steps) {
    TRY(steps->write(steps_csv(v.outcomes)));
    TRY(steps->commit());
  }
  return median <= most && (!floors || floors->hold()) ? 0 : 1;
}

Result<int> validate_floors(const Arguments& arguments) {
  const FloorsReport report = TRY(compare_with_floors(arguments, std::nullopt));
  if (arguments.json)
    put_json([&](JsonWriter& json) { write(json, report); });
  else
    put(text_of(report));
  return report.hold() ? 0 : 1;
}

// What is compared is one thing at a time, and each has its flags.
Status check_flags(const Arguments& arguments) {
  const bool models = !arguments.positionals().empty(), table = arguments.has("--table"),
             energy = arguments.has("--energy");
  if (table + energy + (models || arguments.has("--floors")) > 1) {
    Error error = fail(ErrorId::usage,
                       "--table, --energy and MODEL or --floors are compared with "
                       "different things: one at a time");
    error.hint = "`hone help validate` has examples";
    return error;
  }
  if (!table) TRY(refuse_table_flags(arguments));
  if (!energy) TRY(refuse_flags(arguments, {"--calibration-network"}, "without --energy"));
  if (!arguments.has("--floors"))
    TRY(refuse_flags(arguments, {"--lower-floors"}, "without --floors FILE"));
  if (!models)
    TRY(refuse_flags(
        arguments,
        {"--seconds", "--bind", "--predictions", "--steps", "--recorded", "--max-median"},
        "without MODEL"));
  if (table || energy) TRY(refuse_flags(arguments, {"--calibration"}, "of published measurements"));
  if (arguments.has("--recorded"))
    TRY(refuse_flags(arguments, {"--seconds"}, "with --recorded: nothing is measured"));
  return ok();
}

Result<int> run(const Arguments& arguments) {
  TRY(check_flags(arguments));
  if (arguments.has("--energy"))
    return validate_energy_table(
        {arguments.text("--energy"), arguments.text("--calibration-network")}, arguments);
  if (arguments.has("--table")) return validate_table(TRY(published_table(arguments)), arguments);
  if (arguments.positionals().empty() && arguments.has("--floors"))
    return validate_floors(arguments);
  if (arguments.positionals().empty()) {
    Error error =
        fail(ErrorId::usage, "`hone validate` needs models, --floors, --table or --energy");
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
          "$ hone validate models/*.onnx --report errors.html\n"
          "$ hone validate --floors data/calibration/floors.yaml\n"
          "$ hone validate --table latencies.csv --features networks.csv --prior prior.csv\n"
          "$ hone validate --energy boards.csv",
      .details =
          "Estimates every model first and prints the SHA-256 of the estimates, so that nothing "
          "that "
          "is\nmeasured can have changed them; then measures all, and all again. Errors stand "
          "beside "
          "the test-retest\nfloor and simpler ways on the same data. Exits 1 where the median "
          "error "
          "is above --max-median.\n\n--floors compares the errors that calibrations keep of each "
          "family of kernels, and the median error of\nthe models, with the largest ones accepted; "
          "exits 1 and says which where one is above. --lower-floors\nwrites new, lower floors "
          "where all hold: docs/estimation.md.\n\n--table and --energy compare with published "
          "measurements: "
          "docs/published_tables.md.",
      .positionals = {{"MODEL", "the model files", 0, kAny, true}},
      .flags = with_report_flags(with_table_flags(
          {{"--seconds", Kind::real, "S", "of measuring each model", "2"},
           {"--bind", Kind::texts, "SYMBOL=SIZE",
            "the size of a symbolic dimension, of axis INPUT:AXIS, or the value of a small input; "
            "1 "
            "without"},
           {"--calibration", Kind::text, "FILE", "a calibration instead of the registered one"},
           {"--predictions", Kind::text, "FILE.json", "write the estimates, before measuring"},
           {"--steps", Kind::text, "FILE.csv", "write estimate and measurement of every step"},
           {"--recorded", Kind::text, "FILE.csv", "measure nothing: take the times of --steps"},
           {"--max-median", Kind::real, "X", "the median error that is accepted, such as 0.05"},
           {"--floors", Kind::text, "FILE.yaml",
            "the largest errors accepted, by device and family"},
           {"--lower-floors", Kind::on_off, "", "write lower floors where errors are below"},
           {"--prior", Kind::text, "FILE.csv", "of --table: a prior from other devices"},
           {"--energy", Kind::text, "FILE.csv", "validate energy: a table of boards"},
           {"--calibration-network", Kind::text, "NAME", "of --energy: whose power is known",
            "kws"}})),
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
