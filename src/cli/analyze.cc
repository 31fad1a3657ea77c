// `hone analyze`: what a model will cost before it runs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <numeric>
#include <set>

#include "api/analysis.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/estimates.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/report_files.h"
#include "estimate/memory_peak.h"
#include "report/analysis.h"
#include "report/figures.h"

namespace hone::cli {
namespace {

using estimate::Analysis;
using estimate::OperatorCost;
using report::AnalyzedModel;
using report::AnalyzedRun;

// One device, one batch or one phase of a language model.
struct Phase {
  int64_t batch = 0;  // 0: as the file has it
  std::string name;   // "prefill", "decode"; "" of other models
  LanguageStep step;
};

std::string between(const estimate::Quantity& q, std::string (*text)(double)) {
  return fmt::format("{}  ({}, {})", report::bound_text(q, text), report::interval_text(q, text),
                     estimate::name(q.confidence));
}

// What is alive where the arena is fullest.
std::string peak_text(const estimate::Workload& work) {
  const auto it = std::ranges::max_element(work.steps, {}, &estimate::Step::live_bytes);
  if (it == work.steps.end() || it->live_bytes == 0) return {};
  const std::string name = it->name.empty() ? "" : " '" + printable(it->name) + "'";
  return fmt::format("; fullest at step {} of {}, {}{}", it - work.steps.begin() + 1,
                     work.steps.size(), it->op->name, name);
}

// All that the sum is made of.
std::string memory_text(const Analysis& a, const estimate::Workload& work) {
  const estimate::Memory m = estimate::memory_of(work);
  return fmt::format("{}: weights {}, arena {}{}, inputs and outputs {}{}{}",
                     report::bound_text(a.peak_memory, report::bytes_text),
                     human_bytes(uint64_t(m.weights)), human_bytes(uint64_t(m.arena)),
                     report::nested_arenas_text(m), human_bytes(uint64_t(m.inputs + m.outputs)),
                     m.states > 0 ? ", states " + human_bytes(uint64_t(m.states)) : "",
                     peak_text(work));
}

std::string phase_text(const Phase& p) {
  if (p.name == "prefill") return fmt::format(", a prompt of {} tokens", p.step.tokens);
  if (p.name == "decode")
    return fmt::format(
        ", one more token behind {}{}", p.step.depth,
        p.step.sequences > 1 ? fmt::format(", of {} sequences", p.step.sequences) : "");
  return p.batch > 0 ? fmt::format(", batch {}", p.batch) : "";
}

// What is the same on every device.
std::vector<std::vector<std::string>> model_rows(const AnalyzedModel& m) {
  constexpr size_t kTensors = 3, kRemedies = 4;
  std::vector<std::vector<std::string>> rows;
  if (const auto alive = report::alive_text(m.peak, kTensors); !alive.empty())
    rows.push_back({"alive there", alive});
  if (const auto less = report::remedies_text(m.peak, m.work, kRemedies); !less.empty())
    rows.push_back({"less with", less});
  rows.push_back({"partition", report::partition_text(m.groups)});
  return rows;
}

// The first run of a model tells what is the same on all devices.
std::string text_of(const AnalyzedRun& r, size_t top, bool first_of_all, bool first_of_model) {
  const Analysis& a = r.analysis;
  const estimate::Workload& work = r.model->work;
  std::string text;
  if (first_of_all)
    text += fmt::format("{}: {} parameters, {} MACs, {} FLOPs\n", printable(r.model->path),
                        count_text(double(r.model->parameters)), count_text(work.macs),
                        count_text(work.flops));
  text += fmt::format("\n{}{}\n", a.device_name.empty() ? a.device : a.device_name, r.model->sizes);
  std::vector<std::vector<std::string>> rows{
      {"latency", between(a.latency, time_text)},
      {"throughput", fmt::format("{}{:.4g} a second", a.throughput.is_at_most() ? "at most " : "",
                                 a.throughput.value)},
      {"peak memory", memory_text(a, work)},
      {"process", a.process_memory ? between(*a.process_memory, report::bytes_text) : ""},
      {"energy", a.energy ? between(*a.energy, energy_text) : "not known: no power figure"}};
  std::erase_if(rows, [](const auto& row) { return row[1].empty(); });
  if (a.energy && a.energy->confidence != estimate::Confidence::theoretical)
    rows.push_back({"power", a.energy->source});
  std::string bounds;
  for (size_t b = 0; b < estimate::kBounds; ++b)
    if (a.bound_shares[b] >= 0.005)
      bounds += fmt::format("{}{} {}", bounds.empty() ? "" : ", ",
                            estimate::name(estimate::Bound(b)), percent_text(a.bound_shares[b]));
  rows.push_back({"bound by", bounds});
  if (const std::string text = report::confidence_text(a);
      text != estimate::name(a.latency.confidence))
    rows.push_back({"rests on", text});
  if (first_of_model)
    for (auto& row : model_rows(*r.model)) rows.push_back(std::move(row));
  text += table(rows);
  if (top > 0 && !a.operators.empty()) {
    const bool trips = std::ranges::any_of(a.operators, [](const auto& o) { return o.trips != 1; });
    rows = {{"operator", "family", "time", "of all", "bound by", "name"}};
    if (trips) rows[0].insert(rows[0].end() - 1, "trips");
    for (const OperatorCost* o : estimate::slowest(a, top)) {
      rows.push_back({o->op, o->family, time_text(o->seconds.value),
                      percent_text(o->seconds.value / std::max(a.latency.value, 1e-12)),
                      std::string(estimate::name(o->bound)), std::string(printable(o->name))});
      if (trips) rows.back().insert(rows.back().end() - 1, fmt::format("{:g}", o->trips));
    }
    text += "\n" + (trips ? table(rows, {2, 3, 5}) : table(rows, {2, 3}));
  }
  for (const std::string& note : a.notes) text += "  note: " + note + "\n";
  return text;
}

Result<std::vector<int64_t>> batches_of(const Arguments& arguments) {
  std::vector<int64_t> batches;
  if (!arguments.has("--batch")) return std::vector<int64_t>{0};
  for (const std::string& text : names_in(arguments.text("--batch"))) {
    int64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size() || n < 1 || n > 1'000'000)
      return fail(ErrorId::usage, "--batch takes numbers from 1 on with commas between, not '" +
                                      printable(text) + "'");
    batches.push_back(n);
  }
  return batches;
}

// Of a language model whose sizes are not given: reading a prompt, and going on behind it.
Result<std::vector<Phase>> phases_of(const Arguments& arguments) {
  const std::string& path = arguments.positional(0);
  std::vector<Phase> phases;
  if (arguments.has("--bind")) {
    TRY(refuse_flags(arguments, {"--prefill", "--depth"}, "with --bind, which gives the sizes"));
    return phases;
  }
  if (!TRY(language_bindings(path, open_options(arguments), {}))) {
    TRY(refuse_flags(arguments, {"--prefill", "--depth"}, "of a model that is no language model"));
    return phases;
  }
  for (const auto* flag : {"--prefill", "--depth"})
    if (arguments.integer(flag) < (flag == std::string_view("--prefill") ? 1 : 0) ||
        arguments.integer(flag) > 1'000'000)
      return fail(ErrorId::usage, std::string(flag) + " takes up to 1000000 tokens");
  const int64_t prompt = arguments.integer("--prefill");
  const int64_t depth = arguments.has("--depth") ? arguments.integer("--depth") : prompt;
  for (const int64_t batch : TRY(batches_of(arguments))) {
    const int64_t sequences = std::max<int64_t>(1, batch);
    if (phases.empty()) phases.push_back({0, "prefill", {1, prompt, 0}});
    phases.push_back({0, "decode", {sequences, 1, depth}});
  }
  return phases;
}

Result<estimate::Spikes> spikes_of(const Arguments& arguments) {
  const estimate::Spikes spikes{arguments.real("--activity"), double(arguments.integer("--steps"))};
  if (!(spikes.activity > 0 && spikes.activity <= 1))
    return fail(ErrorId::usage, "--activity takes a share above 0 and up to 1");
  if (spikes.steps < 1 || spikes.steps > 1'000'000)
    return fail(ErrorId::usage, "--steps takes 1 to 1000000 time steps");
  return spikes;
}

std::shared_ptr<const AnalyzedModel> model_of(const std::string& path, const Phase& phase,
                                              const OpenedWorkload& opened) {
  auto model = std::make_shared<AnalyzedModel>();
  model->path = path;
  model->sizes = phase_text(phase);
  model->parameters = opened.parameters;
  model->work = opened.work;
  model->peak = estimate::memory_peak(opened.work);
  for (const auto& remedy :
       phase.name.empty() ? smaller_batches(opened) : smaller_steps(opened, phase.step))
    estimate::add_remedy(model->peak, opened.work, remedy);
  model->groups = estimate::partition_of(opened.work);
  return model;
}

Result<std::vector<AnalyzedRun>> analyze(const Arguments& arguments) {
  const std::string& path = arguments.positional(0);
  const DeviceRegistry registry;
  AnalysisOptions options{arguments.threads, arguments.text("--calibration"), {}, arguments.limits};
  options.spikes = TRY(spikes_of(arguments));
  const auto batches = TRY(batches_of(arguments));
  auto phases = TRY(phases_of(arguments));
  if (phases.empty())
    for (const int64_t batch : batches) phases.push_back({batch, "", {}});
  std::vector<AnalyzedRun> runs;
  for (const Phase& phase : phases) {
    const bool language = !phase.name.empty();
    const auto bindings = language
                              ? *TRY(language_bindings(path, open_options(arguments), phase.step))
                              : TRY(dim_bindings(arguments));
    const OpenedWorkload opened =
        TRY(open_workload(path, open_options(arguments), bindings, phase.batch));
    const auto model = model_of(path, phase, opened);
    const double throughput = double(language ? phase.step.sequences * phase.step.tokens
                                              : std::max<int64_t>(1, phase.batch));
    for (const std::string& device : names_in(arguments.text("--device"))) {
      auto analysis = TRY(analyze_on(opened, registry, device, throughput, options));
      runs.push_back({model, phase.batch, phase.name, phase.step.sequences, phase.step.tokens,
                      phase.step.depth, std::move(analysis)});
    }
  }
  return runs;
}

Result<int> run(const Arguments& arguments) {
  const auto files = TRY(report_files(arguments));
  if (arguments.integer("--top") < 0) return fail(ErrorId::usage, "--top takes numbers from 0 on");
  const auto runs = TRY(analyze(arguments));
  const auto report = [&] { return report::report_of(runs); };
  if (arguments.json) {
    put_json([&](JsonWriter& json) { report::write_json(json, runs); });
    TRY(write_reports(files, arguments, report));
    return 0;
  }
  const auto top = size_t(arguments.integer("--top"));
  for (size_t i = 0; i < runs.size(); ++i)
    put(text_of(runs[i], top, i == 0, i == 0 || runs[i].model != runs[i - 1].model));
  const estimate::Workload& work = runs[0].model->work;
  const std::set<std::string> unknown(work.unknown.begin(), work.unknown.end());
  if (!unknown.empty())
    put(fmt::format("\nnot covered, sizes depend on the data: {} of {} steps ({})\n",
                    work.unknown.size(), work.step_count(), fmt::join(unknown, ", ")));
  TRY(write_reports(files, arguments, report));
  return 0;
}

}  // namespace

const Command& analyze_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "analyze",
      .summary = "What a model will cost, before it runs.",
      .examples =
          "$ hone analyze model.onnx\n"
          "$ hone analyze model.onnx --device host,raspberry_pi_5,nvidia_t4\n"
          "$ hone analyze model.onnx --batch 1,8,32 --threads 1\n"
          "$ hone analyze model.onnx --bind S=128 --top 20 --json\n"
          "$ hone analyze model.onnx --report costs.html --report costs.csv\n"
          "$ hone analyze model.gguf --prefill 512 --depth 1024 --batch 1,8",
      .details =
          "Counts parameters, multiply-adds (MACs) and operations (FLOPs; a multiply-add is two), "
          "replays\nthe plan of the arena, and estimates latency, throughput and energy, each with "
          "the interval in\nwhich 90 % of such cases lie, a confidence and its source:\n\n"
          "  calibrated    fitted to measurements on this machine (`hone calibrate`)\n"
          "  interpolated  fitted on another machine, or for other kernels\n"
          "  theoretical   from vendors' figures and the resources of the class of device\n\n"
          "Of language models: the time to the first token, and for one more (--batch: of so many "
          "sequences).\nNo weights are packed and nothing runs. docs/estimation.md explains the "
          "method.",
      .positionals = {{"MODEL", "the model file", 1, 1, true}},
      .flags = with_report_flags(
          {{"--device", Kind::text, "ID[,ID…]",
            "devices of the registry (`hone devices`), files, or host", "host"},
           {"--batch", Kind::text, "N[,N…]", "sizes of the leading symbol of the inputs"},
           {"--prefill", Kind::integer, "N", "of language models: tokens of the prompt", "512"},
           {"--depth", Kind::integer, "N",
            "of language models: tokens before the next one; those of the prompt without"},
           {"--bind", Kind::texts, "SYMBOL=SIZE",
            "the size of a symbolic dimension, of axis INPUT:AXIS, or the value of a small input; "
            "1 "
            "without"},
           {"--top", Kind::integer, "N", "the slowest operators", "5"},
           {"--activity", Kind::real, "X",
            "on neuromorphic devices: spikes of a neuron in a time step", "0.1"},
           {"--steps", Kind::integer, "N", "on neuromorphic devices: time steps of an inference",
            "32"},
           {"--calibration", Kind::text, "FILE", "a calibration to take for host"}}),
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
