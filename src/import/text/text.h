// Reads models in the text form, with the weights in the files that the text names.
#pragma once

#include <span>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone::text {

bool looks_like_text(std::span<const std::byte> file);
// Sources are opened beneath the file's folder. One that is missing stays closed: the model can be
// inspected, and reading its constants fails.
Result<Model> import_file(const std::string& path, const Catalogue& catalogue,
                          const Limits& limits);

}  // namespace hone::text
