#include "backends/backends.h"

#include "base/text.h"

namespace hone {

const std::vector<const Backend*>& all_backends() {
  static const std::vector<const Backend*> backends{
#define BACKEND(name) &name##_backend(),
#include "backends/backends.def"
#undef BACKEND
  };
  return backends;
}

Result<std::vector<const Backend*>> backends_for(std::string_view which) {
  if (which == "auto") return all_backends();
  std::vector<std::string_view> names{"auto"};
  for (const Backend* b : all_backends()) {
    if (b->name() == which) return std::vector<const Backend*>{b};
    names.push_back(b->name());
  }
  Error error = fail(ErrorId::usage, "there is no backend '" + printable(which) + "'");
  if (auto near = closest(which, names.data(), names.size()))
    error.hint = "did you mean " + std::string(*near) + "? ";
  error.hint += "there are";
  for (std::string_view name : names)
    error.hint += (name == names[0] ? " " : ", ") + std::string(name);
  return error;
}

}  // namespace hone
