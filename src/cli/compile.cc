// `hone compile`: models to .hone artefacts.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <new>
#include <optional>
#include <set>

#include "backends/backends.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "cli/artefact_cache.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "hardware/host.h"

namespace hone::cli {
namespace {

namespace fs = std::filesystem;

struct Compiled {
  std::string model, output, target;  // target: "" for a portable artefact
  uint64_t bytes = 0;
  size_t nodes_before = 0, nodes_after = 0;
  std::vector<v1::Choice> choices;
  bool cached = false;
  double seconds = 0;
};

// One file for each model: OUT itself, or, where OUT is a folder or there are several,
// OUT/STEM.hone.
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
    outputs.push_back((fs::path(out) / fs::path(model).stem()).string() + ".hone");
    if (!seen.insert(outputs.back()).second)
      return fail(ErrorId::usage, "two models would be written to '" + printable(outputs.back()) +
                                      "': compile them one by one");
  }
  return outputs;
}

// An artefact records hashes of its content. They are compared here: what is written gets new ones,
// which would vouch for whatever was read.
Result<v1::Model> open_whole(const std::string& path, OpenOptions options) {
  options.verify = true;
  auto model = open(path, options);
  if (model || model.error().id != ErrorId::inconclusive) return model;
  options.verify = false;  // the format has no hashes
  return open(path, options);
}

// A cache, and what tells this build of hone from others in its keys.
struct Caching {
  std::unique_ptr<Cache> cache;  // null for none
  std::string program;
};

class Compiler {
 public:
  Compiler(const Arguments& arguments, const Caching& caching)
      : arguments_(arguments), cache_(caching.cache.get()), program_(caching.program) {
    portable_ = arguments.on("--portable");
    const std::string level = arguments.text("-O");
    clean_ = level != "0";
    options_ = compile_options(arguments.config, level >= "2" ? "missing" : "never");
    options_.threads = 1;
    options_.measure_threads = arguments.threads;
    if (!cache_) options_.cache.clear();
    if (portable_) return;
    const Backend& backend = *backends_for("auto").take()[0];
    target_ = backend.target();
    if (options_.measure != "never")
      machine_ = fmt::format("{}; {}; threads {}; {} s", cpu_fingerprint(), backend.timing(),
                             arguments.threads > 0 ? arguments.threads : ThreadPool::usable_cpus(),
                             options_.measure_seconds);
  }

  Result<Compiled> run(const std::string& path, const std::string& output) const {
    const auto begin = std::chrono::steady_clock::now();
    const v1::Model model = TRY(open_whole(path, open_options(arguments_)));
    Compiled result{.model = path, .output = output, .target = target_};
    const v1::Description description = model.describe();
    result.nodes_before = description.nodes;
    if (!description.target.empty()) TRY(from(model.clean()));  // says why it cannot be
    const std::string key = cache_ ? TRY(key_of(model)) : "";
    result.cached = cache_ && options_.measure != "always" && TRY(cache_->get(key, output));
    const auto make = [&](const std::string& file) -> Status {
      return compile(model, path, file, result);
    };
    if (result.cached)
      TRY(describe(output, result));
    else
      TRY(cache_ && options_.measure != "cached" ? cache_->make(key, output, make) : make(output));
    std::error_code ignored;
    result.bytes = fs::file_size(output, ignored);
    result.seconds = seconds_since(begin);
    return result;
  }

 private:
  // Everything that the artefact depends on: what is folded and packed has limits.
  Result<std::string> key_of(const v1::Model& model) const {
    std::string text =
        fmt::format("hone artefact\n{}\n{}\n{}\n{}\n{}\n", program_, target_, machine_,
                    clean_ ? "clean" : "as it is", TRY(from(model.content_hash())));
    for (const LimitInfo& limit : all_limits())
      text += fmt::format("{} {}\n", limit.name, arguments_.limits.*limit.field);
    return sha256_hex(std::as_bytes(std::span(text)));
  }

  Status describe(const std::string& output, Compiled& result) const {
    v1::Description description = TRY(open(output, open_options(arguments_))).describe();
    result.nodes_after = description.nodes;
    result.choices = std::move(description.choices);
    return ok();
  }

  Status compile(v1::Model model, const std::string& path, const std::string& output,
                 Compiled& result) const {
    if (clean_) model = TRY(from(model.clean()).context("cleaning '" + printable(path) + "'"));
    if (portable_) {
      TRY(from(model.save(output)));
      result.nodes_after = model.describe().nodes;
      return ok();
    }
    const auto executable = TRY(from(model.compile(options_)));
    TRY(from(executable.save(output)));
    result.choices = executable.choices();
    for (const auto& share : executable.shares()) result.nodes_after += share.nodes;
    return ok();
  }

  const Arguments& arguments_;
  Cache* cache_;
  std::string program_;
  bool portable_ = false, clean_ = true;
  v1::CompileOptions options_;
  std::string target_, machine_;  // machine: what is measured
};

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

// Each model by itself, several at a time.
class Batch {
 public:
  Batch(const Arguments& arguments, const Compiler& compiler, std::vector<std::string> outputs)
      : arguments_(arguments),
        compiler_(compiler),
        outputs_(std::move(outputs)),
        results_(outputs_.size()),
        progress_(arguments) {}

  // The exit code is that of the first model that fails.
  int run(int jobs) {
    const auto begin = std::chrono::steady_clock::now();
    ThreadPool pool(jobs);
    pool.parallel_for(int64_t(results_.size()), 1, [&](int64_t i, int64_t) { one(size_t(i)); });
    seconds_ = seconds_since(begin);
    int code = 0;
    for (const auto& result : results_) {
      if (*result) continue;
      if (failed_++ == 0) code = exit_code(info(result->error().id).blame);
    }
    if (arguments_.json)
      put_json([&](JsonWriter& json) { write(json, pool.size()); });
    else
      put(summary());
    return code;
  }

 private:
  void one(size_t i) {
    const std::string& model = arguments_.positionals()[i];
    const Result<Compiled>& result =
        results_[i].emplace(compile_alone(compiler_, model, outputs_[i]));
    const std::lock_guard lock(mutex_);
    progress_.show("model", ++done_, results_.size());
    if (arguments_.json) return;
    progress_.hide();
    if (result)
      put(report(*result));
    else
      print_error(result.error(), false, style(arguments_.config, 2));
    std::fflush(stdout);  // in order with the errors
  }

  double per_hour() const { return double(results_.size() - failed_) / seconds_ * 3600; }

  std::string summary() const {
    const size_t compiled = results_.size() - failed_;
    std::string text = fmt::format("{} of {} models compiled", compiled, results_.size());
    if (compiled > 0)
      text += fmt::format(" in {}, {:.0f} an hour; process at most {}", human_seconds(seconds_),
                          per_hour(), human_bytes(peak_memory_bytes()));
    return text + "\n";
  }

  void write(JsonWriter& json, int jobs) const {
    json.begin_object();
    json.key("results");
    json.begin_array();
    for (size_t i = 0; i < results_.size(); ++i)
      write_json(json, arguments_.positionals()[i], outputs_[i], *results_[i]);
    json.end_array();
    json.member("compiled", results_.size() - failed_);
    json.member("failed", failed_);
    json.member("jobs", jobs);
    json.member("elapsed_s", seconds_);
    json.member("models_per_hour", per_hour());
    json.member("peak_memory_bytes", peak_memory_bytes());
    json.end_object();
  }

  const Arguments& arguments_;
  const Compiler& compiler_;
  std::vector<std::string> outputs_;
  std::vector<std::optional<Result<Compiled>>> results_;
  std::mutex mutex_;  // guards the following, and what is printed
  Progress progress_;
  size_t done_ = 0;
  size_t failed_ = 0;
  double seconds_ = 0;
};

// The cache, unless it is unwanted or cannot be had.
Caching caching_for(const Arguments& arguments) {
  if (arguments.on("--no-cache")) return {};
  auto cache = open_cache(arguments.config);
  auto program = program_hash();
  if (cache && program) return {cache.take(), program.take()};
  LOG(warn, "the cache cannot be used",
      {{"reason", (cache ? program.error() : cache.error()).message}});
  return {};
}

Result<int> run(const Arguments& arguments) {
  if (!arguments.has("--output")) {
    Error error = fail(ErrorId::usage, "-o is missing: where to write the artefact");
    error.hint = "give -o OUT.hone";
    return error;
  }
  const int64_t jobs = arguments.integer("--jobs");
  if (jobs < 0 || jobs > 1024) return fail(ErrorId::usage, "--jobs takes a number from 0 to 1024");
  auto outputs = TRY(outputs_for(arguments.positionals(), arguments.text("--output")));
  const Caching caching = caching_for(arguments);
  const Compiler compiler(arguments, caching);
  if (outputs.size() > 1) return Batch(arguments, compiler, std::move(outputs)).run(int(jobs));
  const Result<Compiled> result = TRY(compiler.run(arguments.positional(0), outputs[0]));
  if (!arguments.json) {
    put(report(*result));
    return 0;
  }
  put_json([&](JsonWriter& json) {
    json.begin_object();
    json.key("results");
    json.begin_array();
    write_json(json, arguments.positional(0), outputs[0], result);
    json.end_array();
    json.member("compiled", 1);
    json.member("failed", 0);
    json.end_object();
  });
  return 0;
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
