// The in-process executors there are, as listed in backends.def.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/backend.h"

namespace hone {

#define BACKEND(name) const Backend& name##_backend();
#include "backends/backends.def"
#undef BACKEND

// In the order of the list: the fastest first.
const std::vector<const Backend*>& all_backends();

// The backends for `--backend WHICH`: a name, or "auto" for all of them in order of preference.
// Fails with `usage`, and a hint that names them all.
Result<std::vector<const Backend*>> backends_for(std::string_view which);

}  // namespace hone
