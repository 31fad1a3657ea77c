#include "cli/compiler.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "backends/backends.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/artefact_cache.h"
#include "cli/model_flags.h"

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
  if (!options_.portable) target_ = backends_for("auto").take()[0]->target();
  if (!options_.cached) return;
  auto cache = open_cache(arguments.config, options_.threads);
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
  result.cached = cache_ && TRY(cache_->get(key, output));
  const auto make = [&](const std::string& file) -> Status {
    result.nodes_after = TRY(compile(model, path, file));
    return ok();
  };
  if (result.cached)
    result.nodes_after = TRY(open(output, open_options(arguments_))).describe().nodes;
  else
    TRY(cache_ ? cache_->make(key, output, make) : make(output));
  std::error_code ignored;
  result.bytes = std::filesystem::file_size(output, ignored);
  result.seconds = seconds_since(begin);
  return result;
}

// Everything that the artefact depends on: what is folded and packed has limits.
Result<std::string> Compiler::key_of(const v1::Model& model) const {
  std::string text = fmt::format("hone artefact\n{}\n{}\n{}\n{}\n", program_, target_,
                                 options_.clean ? "clean" : "as it is",
                                 TRY(from(model.content_hash(options_.threads))));
  for (const LimitInfo& limit : all_limits())
    text += fmt::format("{} {}\n", limit.name, arguments_.limits.*limit.field);
  return sha256_hex(std::as_bytes(std::span(text)));
}

// The number of nodes.
Result<size_t> Compiler::compile(v1::Model model, const std::string& path,
                                 const std::string& output) const {
  if (options_.clean)
    model = TRY(from(model.clean()).context("cleaning '" + printable(path) + "'"));
  if (options_.portable) {
    TRY(from(model.save(output, options_.threads)));
    return model.describe().nodes;
  }
  const auto executable = TRY(from(model.compile({.threads = options_.threads})));
  TRY(from(executable.save(output)));
  size_t nodes = 0;
  for (const auto& share : executable.shares()) nodes += share.nodes;
  return nodes;
}

}  // namespace hone::cli
