#include "cli/compiler.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "backends/backends.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "cli/artefact_cache.h"
#include "cli/model_flags.h"
#include "hardware/host.h"

namespace hone::cli {
namespace {

// An artefact records hashes of its content. They are compared here: what is written gets new ones,
// which would vouch for whatever was read.
Result<v1::Model> open_whole(const std::string& path, OpenOptions options) {
  options.verify = true;
  auto model = open(path, options);
  if (model || model.error().id != ErrorId::inconclusive) return model;
  options.verify = false;  // the format has no hashes
  return open(path, options);
}

}  // namespace

Compiler::Compiler(const Arguments& arguments, const CompilerOptions& options)
    : arguments_(arguments), options_(options) {
  compiling_ = compile_options(arguments.config, options_.measure);
  compiling_.threads = options_.threads;
  compiling_.measure_threads = options_.measure_threads;
  open_the_cache();
  if (!cache_) compiling_.cache.clear();
  if (options_.portable) return;
  const Backend& backend = *backends_for("auto").take()[0];
  target_ = backend.target();
  if (compiling_.measure == "never") return;
  const int threads = options_.measure_threads;
  machine_ =
      fmt::format("{}; {}; threads {}; {} s", cpu_fingerprint(), backend.timing(),
                  threads > 0 ? threads : ThreadPool::usable_cpus(), compiling_.measure_seconds);
}

void Compiler::open_the_cache() {
  if (!options_.cached) return;
  auto cache = open_cache(arguments_.config, options_.threads);
  auto program = program_hash();
  if (cache && program) {
    cache_ = cache.take();
    program_ = program.take();
    return;
  }
  LOG(warn, "the cache cannot be used",
      {{"reason", (cache ? program.error() : cache.error()).message}});
}

Result<Compiled> Compiler::run(const std::string& path, const std::string& output) const {
  const auto begin = std::chrono::steady_clock::now();
  const v1::Model model = TRY(open_whole(path, open_options(arguments_)));
  Compiled result{.model = path, .output = output, .target = target_};
  const v1::Description description = model.describe();
  result.nodes_before = description.nodes;
  if (!description.target.empty()) TRY(from(model.clean()));  // says why it cannot be
  const std::string key = cache_ ? TRY(key_of(model)) : "";
  result.cached = cache_ && compiling_.measure != "always" && TRY(cache_->get(key, output));
  const auto make = [&](const std::string& file) -> Status { return compile(model, file, result); };
  if (result.cached)
    TRY(describe(output, result));
  else
    TRY(cache_ && compiling_.measure != "cached" ? cache_->make(key, output, make) : make(output));
  std::error_code ignored;
  result.bytes = std::filesystem::file_size(output, ignored);
  result.seconds = seconds_since(begin);
  return result;
}

// Everything that the artefact depends on: what is folded and packed has limits.
Result<std::string> Compiler::key_of(const v1::Model& model) const {
  std::string text = fmt::format("hone artefact\n{}\n{}\n{}\n{}\n{}\n", program_, target_, machine_,
                                 options_.clean ? "clean" : "as it is",
                                 TRY(from(model.content_hash(options_.threads))));
  for (const LimitInfo& limit : all_limits())
    text += fmt::format("{} {}\n", limit.name, arguments_.limits.*limit.field);
  return sha256_hex(std::as_bytes(std::span(text)));
}

Status Compiler::describe(const std::string& output, Compiled& result) const {
  v1::Description description = TRY(open(output, open_options(arguments_))).describe();
  result.nodes_after = description.nodes;
  result.choices = std::move(description.choices);
  return ok();
}

Status Compiler::compile(v1::Model model, const std::string& file, Compiled& result) const {
  if (options_.clean)
    model = TRY(from(model.clean()).context("cleaning '" + printable(result.model) + "'"));
  if (options_.portable) {
    TRY(from(model.save(file, options_.threads)));
    result.nodes_after = model.describe().nodes;
    return ok();
  }
  const auto executable = TRY(from(model.compile(compiling_)));
  TRY(from(executable.save(file)));
  result.choices = executable.choices();
  for (const auto& share : executable.shares()) result.nodes_after += share.nodes;
  return ok();
}

}  // namespace hone::cli
