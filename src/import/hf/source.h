// What the builders of models take: a config.json and what surrounds it.
#pragma once

#include <string>

#include "base/limits.h"
#include "base/mapped_file.h"
#include "import/hf/config.h"
#include "import/options.h"
#include "ir/op.h"

namespace hone::hf {

struct Source {
  const Config& config;
  std::string type;  // model_type
  const Folder& folder;
  const Catalogue& catalogue;
  const ImportOptions& options;
  Ledger& ledger;
};

}  // namespace hone::hf
