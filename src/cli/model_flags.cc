#include "cli/model_flags.h"

#include <algorithm>
#include <charconv>

#include "api/choices.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "cli/artefact_cache.h"

namespace hone::cli {

OpenOptions open_options(const Arguments& arguments) {
  return {.limits = arguments.limits,
          .links = arguments.config.boolean("follow_links") ? Links::follow : Links::refuse};
}

Result<v1::Model> open(const std::string& path, const OpenOptions& options) {
  v1::OpenOptions plain;
  for (const LimitInfo& limit : all_limits())
    plain.limits.emplace_back(limit.name, std::to_string(options.limits.*limit.field));
  plain.verify = options.verify;
  plain.follow_links = options.links == Links::follow;
  plain.without_weights = options.missing == MissingWeights::leave_out;
  return from(v1::Model::open(path, plain));
}

v1::CompileOptions compile_options(const Config& config, std::string_view automatic) {
  v1::CompileOptions options;
  options.measure = config.text("compile.measure");
  if (options.measure == "auto") options.measure = automatic;
  options.measure_seconds = config.number("compile.measure_seconds");
  if (auto folder = cache_folder(config)) options.cache = folder.take();
  return options;
}

Result<v1::Bindings> bindings_of(const std::vector<std::string>& texts,
                                 const std::vector<std::string>& symbols) {
  v1::Bindings bindings;
  for (const std::string& text : texts) {
    const size_t equal = text.find('=');
    int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = equal == std::string::npos
                            ? std::from_chars_result{nullptr, std::errc::invalid_argument}
                            : std::from_chars(text.data() + equal + 1, end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || value < 0)
      return fail(ErrorId::usage,
                  "--bind takes SYMBOL=SIZE such as S=128, not '" + printable(text) + "'");
    const std::string name = text.substr(0, equal);
    if (std::find(symbols.begin(), symbols.end(), name) == symbols.end()) {
      Error error = fail(ErrorId::usage, "the model has no symbol '" + printable(name) + "'");
      if (symbols.empty()) error.hint = "all its sizes are fixed";
      for (const std::string& n : symbols)
        error.hint += (error.hint.empty() ? "its symbols are " : ", ") + printable(n);
      return error;
    }
    if (!bindings.emplace(name, value).second)
      return fail(ErrorId::usage, "symbol '" + printable(name) + "' is bound twice");
  }
  return bindings;
}

void write_choices(JsonWriter& json, const std::vector<v1::Choice>& choices) {
  json.key("choices");
  json.begin_array();
  for (const v1::Choice& choice : choices) {
    json.begin_object();
    write_members(json, choice);
    json.member("machine", choice.machine);
    json.end_object();
  }
  json.end_array();
}

Error from(const v1::Error& error) {
  for (ErrorId id : all_errors())
    if (info(id).code == error.code) return {id, error.message, error.context, error.hint};
  return {ErrorId::internal, error.message, error.context, error.hint};
}

}  // namespace hone::cli
