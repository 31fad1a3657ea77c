// Language models in GGUF files, versions 2 and 3.
#pragma once

#include <memory>
#include <span>

#include "import/importers.h"

namespace hone::gguf {

bool looks_like_gguf(std::span<const std::byte> file);
Result<Model> import_mapped(const std::shared_ptr<const MappedFile>& file,
                            const Catalogue& catalogue, const ImportOptions& options);

}  // namespace hone::gguf
