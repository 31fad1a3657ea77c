// Opens the files that a model names for its weights, as far as the user allows.
#pragma once

#include <memory>
#include <string>

#include "base/mapped_file.h"
#include "base/result.h"
#include "import/options.h"

namespace hone {

// The file `name` beneath the model's folder. Null where it is not there and may be left out.
Result<std::shared_ptr<const MappedFile>> open_weights(const Folder& folder,
                                                       const std::string& name,
                                                       const ImportOptions& options);

}  // namespace hone
