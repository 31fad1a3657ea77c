#include "cli/estimates.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/text.h"

namespace hone::cli {

Result<Dim::Bindings> dim_bindings(const Arguments& arguments) {
  Dim::Bindings bindings;
  for (const std::string& text : arguments.texts("--bind")) {
    const size_t equals = text.find('=');
    int64_t size = 0;
    const char* end = text.data() + text.size();
    const auto read = equals == std::string::npos
                          ? std::from_chars_result{nullptr, std::errc::invalid_argument}
                          : std::from_chars(text.data() + equals + 1, end, size);
    if (read.ec != std::errc() || read.ptr != end || size < 1 || equals == 0)
      return fail(ErrorId::usage, "--bind takes SYMBOL=SIZE, not '" + printable(text) + "'");
    bindings[text.substr(0, equals)] = size;
  }
  return bindings;
}

std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    names.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return names;
}

Status refuse_flags(const Arguments& arguments, std::initializer_list<std::string_view> flags,
                    std::string_view when) {
  for (const std::string_view flag : flags) {
    if (!arguments.has(flag)) continue;
    Error error = fail(ErrorId::usage, fmt::format("{} says nothing {}", flag, when));
    error.hint = "leave it out";
    return error;
  }
  return ok();
}

Result<double> seconds_of(const Arguments& arguments, std::string_view flag, double least,
                          double most) {
  const double seconds = arguments.real(flag);
  if (seconds >= least && seconds <= most) return seconds;
  return fail(ErrorId::usage, fmt::format("{} takes {:g} to {:g} seconds, not '{}'", flag, least,
                                          most, printable(arguments.text(flag))));
}

Status refuse_same_file(std::initializer_list<std::pair<std::string_view, std::string>> files) {
  const auto plain = [](const std::string& path) {
    std::error_code failure;  // opening it says what is wrong
    const auto from_root = std::filesystem::absolute(path, failure);
    if (failure) return path;
    const auto whole = std::filesystem::weakly_canonical(from_root, failure);
    return failure ? path : whole.string();
  };
  for (const auto* a = files.begin(); a != files.end(); ++a)
    for (const auto* b = a + 1; b != files.end(); ++b)
      if (!a->second.empty() && !b->second.empty() && plain(a->second) == plain(b->second))
        return fail(ErrorId::usage, fmt::format("{} and {} are the same file, '{}'", a->first,
                                                b->first, printable(a->second)));
  return ok();
}

}  // namespace hone::cli
