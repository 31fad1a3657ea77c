// Reads and writes models in the text form, with the weights in the files that the text names.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/limits.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "import/options.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone::text {

bool looks_like_text(std::span<const std::byte> file);
// Sources that hold constants are opened beneath the file's folder.
Result<Model> import_mapped(const std::shared_ptr<const MappedFile>& file,
                            const Catalogue& catalogue, const ImportOptions& options);
Result<Model> import_file(const std::string& path, const Catalogue& catalogue,
                          const ImportOptions& options);

struct Written {
  std::string weights;  // the file that was written beside the text; "" where none was needed
  uint64_t bytes = 0;   // of it
};
// Writes a file that import_file reads back whole. A text names files beneath its own folder only:
// constants in memory, or in files of another folder, are copied to PATH.safetensors first.
Result<Written> write(const Model& model, const std::string& path);

}  // namespace hone::text
