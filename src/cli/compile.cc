// `hone compile`: models to .hone artefacts.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <new>
#include <optional>
#include <set>

#include "base/process.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/compiler.h"
#include "cli/model_flags.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

namespace fs = std::filesystem;

// Of a file without its extension; folders have none, whatever dots are in their names.
std::string name_of(const std::string& model) {
  std::error_code ignored;
  const fs::path path(model);
  if (!fs::is_directory(path, ignored)) return path.stem().string();
  return fs::weakly_canonical(path, ignored).filename().string();
}

// One file for each model: OUT itself, or, where OUT is a folder or there are several,
// OUT/NAME.hone.
Result<std::vector<std::string>> outputs_for(const std::vector<std::string>& models,
                                             const std::string& out) {
  std::error_code error;
  const bool folder = models.size() > 1 || fs::is_directory(out, error) || out.ends_with('/');
  if (!folder && !out.ends_with(".hone")) {
    Error error = fail(ErrorId::usage, "-o '" + printable(out) + "' does not end in .hone");
    error.hint = "artefacts are named OUT.hone; a folder is named with a / at its end";
    return error;
  }
  if (!folder) return std::vector<std::string>{out};
  if (models.size() > 1 && out.ends_with(".hone"))
    return fail(ErrorId::usage, "several models need a folder for -o, not a file");
  fs::create_directories(out, error);
  if (error)
    return fail(ErrorId::io,
                fmt::format("cannot make the folder '{}': {}", printable(out), error.message()));
  std::vector<std::string> outputs;
  std::set<std::string> seen;
  for (const std::string& model : models) {
    outputs.push_back((fs::path(out) / name_of(model)).string() + ".hone");
    if (!seen.insert(outputs.back()).second)
      return fail(ErrorId::usage, "two models would be written to '" + printable(outputs.back()) +
                                      "': compile them one by one");
  }
  return outputs;
}

// One model of several: whatever goes wrong with it is its own.
Result<Compiled> compile_alone(const Compiler& compiler, const std::string& path,
                               const std::string& output) {
  try {
    return compiler.run(path, output);
  } catch (const std::bad_alloc&) {
    return fail(ErrorId::over_memory,
                "the system gave no more memory for '" + printable(path) + "'");
  } catch (const std::exception& e) {
    return fail(ErrorId::internal, "unexpected exception: " + std::string(e.what()));
  }
}

void write_json(JsonWriter& json, const std::string& model, const std::string& output,
                const Result<Compiled>& result) {
  json.begin_object();
  json.member("model", model);
  json.member("output", output);
  json.member("status", result ? "compiled" : "failed");
  if (result) {
    json.member("kind", result->target.empty() ? "portable" : "compiled");
    if (!result->target.empty()) json.member("target", result->target);
    json.member("bytes", result->bytes);
    json.member("nodes_before", result->nodes_before);
    json.member("nodes_after", result->nodes_after);
    json.member("cached", result->cached);
    write_choices(json, result->choices);
    json.member("compile_s", result->seconds);
  } else {
    json.key("error");
    write_error(json, result.error());
  }
  json.end_object();
}

std::string report(const Compiled& c) {
  const auto measured = std::ranges::count(c.choices, "measured", &v1::Choice::source);
  return fmt::format("{}: {}, {}, {} nodes (of {}), {}{}\n", printable(c.output),
                     c.target.empty() ? "portable" : "for " + c.target, human_bytes(c.bytes),
                     c.nodes_after, c.nodes_before, human_seconds(c.seconds),
                     c.cached       ? ", from the cache"
                     : measured > 0 ? fmt::format(", {} choices measured", measured)
                                    : "");
}

using Results = std::vector<std::optional<Result<Compiled>>>;

// What came of all models.
struct Outcome {
  std::vector<std::string> outputs;
  Results results;
  int jobs = 1;
  double seconds = 0;

  size_t failed() const {
    return size_t(std::ranges::count_if(results, [](const auto& r) { return !*r; }));
  }
  size_t compiled() const { return results.size() - failed(); }
  double per_hour() const { return double(compiled()) / seconds * 3600; }
};

void write_json(JsonWriter& json, const Arguments& arguments, const Outcome& outcome) {
  json.begin_object();
  json.key("results");
  json.begin_array();
  for (size_t i = 0; i < outcome.results.size(); ++i)
    write_json(json, arguments.positionals()[i], outcome.outputs[i], *outcome.results[i]);
  json.end_array();
  json.member("compiled", outcome.compiled());
  json.member("failed", outcome.failed());
  json.member("jobs", outcome.jobs);
  json.member("elapsed_s", outcome.seconds);
  json.member("models_per_hour", outcome.per_hour());
  json.member("peak_memory_bytes", peak_memory_bytes());
  json.end_object();
}

std::string summary(const Outcome& outcome) {
  std::string text =
      fmt::format("{} of {} models compiled", outcome.compiled(), outcome.results.size());
  if (outcome.compiled() > 0)
    text +=
        fmt::format(" in {}, {:.0f} an hour; process at most {}", human_seconds(outcome.seconds),
                    outcome.per_hour(), human_bytes(peak_memory_bytes()));
  return text + "\n";
}

// Each model by itself, several at a time.
class Batch {
 public:
  Batch(const Arguments& arguments, const Compiler& compiler, Outcome& outcome)
      : arguments_(arguments), compiler_(compiler), outcome_(outcome), progress_(arguments) {}

  // The exit code is that of the first model that fails.
  int run(ThreadPool& pool) {
    pool.parallel_for(int64_t(outcome_.results.size()), 1,
                      [&](int64_t i, int64_t) { one(size_t(i)); });
    for (const auto& result : outcome_.results)
      if (!*result) return exit_code(info(result->error().id).blame);
    return 0;
  }

 private:
  void one(size_t i) {
    const std::string& model = arguments_.positionals()[i];
    const Result<Compiled>& result =
        outcome_.results[i].emplace(compile_alone(compiler_, model, outcome_.outputs[i]));
    const std::lock_guard lock(mutex_);
    progress_.show("model", ++done_, outcome_.results.size());
    if (arguments_.json) return;
    progress_.hide();
    if (result)
      put(report(*result));
    else
      print_error(result.error(), false, style(arguments_.config, 2));
    std::fflush(stdout);  // in order with the errors
  }

  const Arguments& arguments_;
  const Compiler& compiler_;
  Outcome& outcome_;
  std::mutex mutex_;  // guards the following, and what is printed
  Progress progress_;
  size_t done_ = 0;
};

Result<int> run(const Arguments& arguments) {
  if (!arguments.has("--output")) {
    Error error = fail(ErrorId::usage, "-o is missing: where to write the artefact");
    error.hint = "give -o OUT.hone";
    return error;
  }
  const int64_t jobs = arguments.integer("--jobs");
  if (jobs < 0 || jobs > 1024) return fail(ErrorId::usage, "--jobs takes a number from 0 to 1024");
  Outcome outcome;
  outcome.outputs = TRY(outputs_for(arguments.positionals(), arguments.text("--output")));
  outcome.results.resize(outcome.outputs.size());
  ThreadPool pool(int(std::min(size_t(ThreadPool(int(jobs)).size()), outcome.outputs.size())));
  outcome.jobs = pool.size();
  const auto begin = std::chrono::steady_clock::now();
  const std::string level = arguments.text("-O");
  // Beside other jobs nothing can be measured.
  const std::string_view measure = level < "2" ? "never" : outcome.jobs > 1 ? "cached" : "missing";
  // One job has all threads; of several, each has its own.
  const Compiler compiler(arguments, {.portable = arguments.on("--portable"),
                                      .clean = level != "0",
                                      .cached = !arguments.on("--no-cache"),
                                      .measure = measure,
                                      .measure_threads = arguments.threads,
                                      .threads = outcome.jobs == 1 ? arguments.threads : 1});
  int code = 0;
  if (outcome.outputs.size() == 1) {
    outcome.results[0] = TRY(compiler.run(arguments.positional(0), outcome.outputs[0]));
    if (!arguments.json) put(report(**outcome.results[0]));
  } else {
    code = Batch(arguments, compiler, outcome).run(pool);
  }
  outcome.seconds = seconds_since(begin);
  if (arguments.json)
    put_json([&](JsonWriter& json) { write_json(json, arguments, outcome); });
  else if (outcome.outputs.size() > 1)
    put(summary(outcome));
  return code;
}

}  // namespace

const Command& compile_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "compile",
      .summary = "Turn models into .hone artefacts.",
      .examples =
          "$ hone compile model.onnx -o model.hone\n"
          "$ hone compile model.onnx -o model.hone --portable\n"
          "$ hone compile a.onnx b.onnx -o compiled/ --jobs 2",
      .details =
          "An artefact is a safetensors file with the graph in its metadata, and is loaded by\n"
          "mapping it. A compiled one holds the weights as the kernels of this CPU take them, in "
          "the\nplace of the others: it starts at once, and only where the CPU has the same "
          "kernels. A\nportable one runs on every machine. What was compiled before comes from the "
          "cache\n(`hone cache stats`). Where kernels compete, they are timed, once on each CPU "
          "(docs/artefact.md).\nOf several models, one that fails does not stop the "
          "others; "
          "the\nexit code is that of the first that fails.",
      .positionals = {{"MODEL", "the model files", 1, kAny, true}},
      .flags = {{"-o,--output", Kind::text, "OUT",
                 "the artefact, or a folder for several models; required"},
                {"--portable", Kind::on_off, "",
                 "the form for every machine, rather than for this one"},
                {"--jobs", Kind::integer, "N",
                 "models compiled at a time; 0: one for each CPU that the process may use", "1"},
                {"--no-cache", Kind::on_off, "", "compile anew, and keep nothing"},
                {"-O", Kind::text, "LEVEL",
                 "0 keeps the graph as it is; 1 cleans it; 2 and 3 also measure which kernels are "
                 "fastest",
                 "2", "0|1|2|3"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
