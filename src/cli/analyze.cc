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

namespace hone::cli {
namespace {

using estimate::Analysis;
using estimate::OperatorCost;

// One device, one batch or one phase of a language model.
struct Report {
  std::string model;
  int64_t batch = 0;  // 0: as the file has it
  std::string phase;  // "prefill", "decode"; "" of other models
  LanguageStep step;
  const OpenedWorkload* opened = nullptr;
  Analysis analysis;
};

void write_memory(JsonWriter& json, const estimate::Workload& work) {
  const estimate::Memory m = estimate::memory_of(work);
  json.key("memory");
  json.begin_object();
  json.member("weights_bytes", m.weights);
  json.member("arena_bytes", m.arena);
  json.member("inputs_bytes", m.inputs);
  json.member("outputs_bytes", m.outputs);
  json.member("states_bytes", m.states);
  json.member("least_arena_bytes", work.peak_live_bytes);
  json.key("arena_timeline_bytes");
  json.begin_array();
  for (const estimate::Step& s : work.steps) json.value(s.live_bytes);
  json.end_array();
  json.end_object();
}

void write_report(JsonWriter& json, const Report& r) {
  const Analysis& a = r.analysis;
  const estimate::Workload& work = r.opened->work;
  json.begin_object();
  json.member("model", r.model);
  json.member("device", a.device);
  json.member("device_name", a.device_name);
  if (r.batch > 0) json.member("batch", r.batch);
  if (!r.phase.empty()) {
    json.member("phase", r.phase);
    json.member("sequences", r.step.sequences);
    json.member("tokens", r.step.tokens);
    json.member("depth", r.step.depth);
    write_quantity(json, r.phase == "prefill" ? "first_token_s" : "token_s", a.latency);
  }
  json.member("parameters", r.opened->parameters);
  json.member("macs", work.macs);
  json.member("flops", work.flops);
  write_quantity(json, "latency_s", a.latency);
  write_quantity(json, "throughput_per_s", a.throughput);
  write_quantity(json, "peak_memory_bytes", a.peak_memory);
  if (a.energy) {
    write_quantity(json, "energy_j", *a.energy);
  } else {
    json.key("energy_j");
    json.null();
  }
  json.member("bound_by", estimate::name(a.bound_by));
  json.key("bound_shares");
  json.begin_object();
  for (size_t b = 0; b < estimate::kBounds; ++b)
    json.member(estimate::name(estimate::Bound(b)), a.bound_shares[b]);
  json.end_object();
  write_memory(json, work);
  json.member("uncovered", a.uncovered);
  json.key("operators");
  json.begin_array();
  for (const OperatorCost& o : a.operators) {
    json.begin_object();
    json.member("step", int64_t(o.step));
    json.member("name", o.name);
    json.member("operator", o.op);
    json.member("family", o.family);
    json.member("macs", o.macs);
    json.member("flops", o.flops);
    json.member("bytes", o.bytes);
    json.member("bound_by", estimate::name(o.bound));
    write_quantity(json, "latency_s", o.seconds);
    json.end_object();
  }
  json.end_array();
  json.key("notes");
  json.begin_array();
  for (const std::string& note : a.notes) json.value(note);
  json.end_array();
  json.end_object();
}

std::string between(const estimate::Quantity& q, std::string (*text)(double)) {
  return fmt::format("{}  ({} to {}, {})", text(q.value), text(q.low), text(q.high),
                     estimate::name(q.confidence));
}

// What is alive where the arena is fullest.
std::string peak_text(const estimate::Workload& work) {
  const auto it = std::ranges::max_element(work.steps, {}, &estimate::Step::live_bytes);
  if (it == work.steps.end() || it->live_bytes == 0) return {};
  return fmt::format("; fullest at step {} of {}, {} '{}'", it - work.steps.begin() + 1,
                     work.steps.size(), it->op->name, printable(it->name));
}

std::string phase_text(const Report& r) {
  if (r.phase == "prefill") return fmt::format(", a prompt of {} tokens", r.step.tokens);
  if (r.phase == "decode")
    return fmt::format(
        ", one more token behind {}{}", r.step.depth,
        r.step.sequences > 1 ? fmt::format(", of {} sequences", r.step.sequences) : "");
  return r.batch > 0 ? fmt::format(", batch {}", r.batch) : "";
}

std::string text_of(const Report& r, size_t top, bool first) {
  const Analysis& a = r.analysis;
  const estimate::Workload& work = r.opened->work;
  const estimate::Memory m = estimate::memory_of(work);
  std::string text;
  if (first)
    text += fmt::format("{}: {} parameters, {} MACs, {} FLOPs\n", printable(r.model),
                        count_text(double(r.opened->parameters)), count_text(work.macs),
                        count_text(work.flops));
  text += fmt::format("\n{}{}\n", a.device_name.empty() ? a.device : a.device_name, phase_text(r));
  std::vector<std::vector<std::string>> rows{
      {"latency", between(a.latency, time_text)},
      {"throughput", fmt::format("{:.4g} a second", a.throughput.value)},
      {"peak memory", fmt::format("{}: weights {}, arena {}, inputs and outputs {}{}",
                                  human_bytes(uint64_t(a.peak_memory.value)),
                                  human_bytes(uint64_t(m.weights)), human_bytes(uint64_t(m.arena)),
                                  human_bytes(uint64_t(m.inputs + m.outputs)), peak_text(work))},
      {"energy", a.energy ? between(*a.energy, energy_text) : "not known: no power figure"}};
  std::string bounds;
  for (size_t b = 0; b < estimate::kBounds; ++b)
    if (a.bound_shares[b] >= 0.005)
      bounds += fmt::format("{}{} {}", bounds.empty() ? "" : ", ",
                            estimate::name(estimate::Bound(b)), percent_text(a.bound_shares[b]));
  rows.push_back({"bound by", bounds});
  text += table(rows);
  if (top > 0 && !a.operators.empty()) {
    rows = {{"operator", "family", "time", "of all", "bound by", "name"}};
    for (const OperatorCost* o : estimate::slowest(a, top))
      rows.push_back({o->op, o->family, time_text(o->seconds.value),
                      percent_text(o->seconds.value / std::max(a.latency.value, 1e-12)),
                      std::string(estimate::name(o->bound)), std::string(printable(o->name))});
    text += "\n" + table(rows, {2, 3});
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
Result<std::vector<Report>> phases_of(const Arguments& arguments) {
  const std::string& path = arguments.positional(0);
  std::vector<Report> phases;
  if (arguments.has("--bind")) return phases;
  if (!TRY(language_bindings(path, open_options(arguments), {}))) return phases;
  for (const auto* flag : {"--prefill", "--depth"})
    if (arguments.integer(flag) < (flag == std::string_view("--prefill") ? 1 : 0) ||
        arguments.integer(flag) > 1'000'000)
      return fail(ErrorId::usage, std::string(flag) + " takes up to 1000000 tokens");
  const int64_t prompt = arguments.integer("--prefill");
  const int64_t depth = arguments.has("--depth") ? arguments.integer("--depth") : prompt;
  for (const int64_t batch : TRY(batches_of(arguments))) {
    const int64_t sequences = std::max<int64_t>(1, batch);
    if (phases.empty()) phases.push_back({path, 0, "prefill", {1, prompt, 0}});
    phases.push_back({path, 0, "decode", {sequences, 1, depth}});
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

Result<int> run(const Arguments& arguments) {
  const std::string& path = arguments.positional(0);
  const DeviceRegistry registry;
  const auto batches = TRY(batches_of(arguments));
  AnalysisOptions options{arguments.threads, arguments.text("--calibration"), {}};
  options.spikes = TRY(spikes_of(arguments));
  std::vector<Report> reports;
  std::vector<std::shared_ptr<const OpenedWorkload>> opened;
  const auto add = [&](const Report& report, const Dim::Bindings& bindings, int64_t batch,
                       double throughput) -> Status {
    opened.push_back(std::make_shared<const OpenedWorkload>(
        TRY(open_workload(path, open_options(arguments), bindings, batch))));
    for (const std::string& device : names_in(arguments.text("--device"))) {
      Report r = report;
      r.opened = opened.back().get();
      r.analysis = TRY(analyze_on(*opened.back(), registry, device, throughput, options));
      reports.push_back(std::move(r));
    }
    return ok();
  };
  const auto phases = TRY(phases_of(arguments));
  for (const Report& phase : phases) {
    const auto bindings = TRY(language_bindings(path, open_options(arguments), phase.step));
    TRY(add(phase, *bindings, 0, double(phase.step.sequences * phase.step.tokens)));
  }
  if (phases.empty())
    for (const int64_t batch : batches)
      TRY(add({path, batch}, TRY(dim_bindings(arguments)), batch,
              double(std::max<int64_t>(1, batch))));
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      if (reports.size() == 1) return write_report(json, reports[0]);
      json.begin_object();
      json.key("results");
      json.begin_array();
      for (const Report& r : reports) write_report(json, r);
      json.end_array();
      json.end_object();
    });
    return 0;
  }
  const auto top = size_t(std::max<int64_t>(0, arguments.integer("--top")));
  for (size_t i = 0; i < reports.size(); ++i) put(text_of(reports[i], top, i == 0));
  const std::set<std::string> unknown(opened[0]->work.unknown.begin(),
                                      opened[0]->work.unknown.end());
  if (!unknown.empty())
    put(fmt::format("\nnot covered, sizes depend on the data: {} of {} steps ({})\n",
                    opened[0]->work.unknown.size(), opened[0]->work.steps.size(),
                    fmt::join(unknown, ", ")));
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
      .flags = {{"--device", Kind::text, "ID[,ID…]",
                 "devices of the registry (`hone devices`), files, or host", "host"},
                {"--batch", Kind::text, "N[,N…]", "sizes of the leading symbol of the inputs"},
                {"--prefill", Kind::integer, "N", "of language models: tokens of the prompt",
                 "512"},
                {"--depth", Kind::integer, "N",
                 "of language models: tokens before the next one; those of the prompt without"},
                {"--bind", Kind::texts, "SYMBOL=SIZE",
                 "the size of a symbolic dimension; 1 without"},
                {"--top", Kind::integer, "N", "the slowest operators", "5"},
                {"--activity", Kind::real, "X",
                 "on neuromorphic devices: spikes of a neuron in a time step", "0.1"},
                {"--steps", Kind::integer, "N",
                 "on neuromorphic devices: time steps of an inference", "32"},
                {"--calibration", Kind::text, "FILE", "a calibration to take for host"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
