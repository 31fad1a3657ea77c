#include "cli/estimates.h"

#include <algorithm>
#include <charconv>

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

}  // namespace hone::cli
