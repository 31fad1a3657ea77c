#include "cli/model_flags.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

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

Error from(const v1::Error& error) {
  for (ErrorId id : all_errors())
    if (info(id).code == error.code) return {id, error.message, error.context, error.hint};
  return {ErrorId::internal, error.message, error.context, error.hint};
}

}  // namespace hone::cli
