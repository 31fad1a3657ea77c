#include "import/arch/names.h"

#include <algorithm>

namespace hone::arch {

bool lists(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const size_t end = std::min(names.find(' '), names.size());
    if (names.substr(0, end) == name) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

Status in_range(std::string_view what, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return ok();
  return fail(ErrorId::bad_data, std::string(what) + " is " + std::to_string(value) +
                                     ", expected " + std::to_string(least) + " to " +
                                     std::to_string(most));
}

std::string numbered(std::string_view pattern, int64_t number) {
  std::string out(pattern);
  if (const size_t at = out.find("{}"); at != std::string::npos)
    out.replace(at, 2, std::to_string(number));
  return out;
}

}  // namespace hone::arch
