// The model formats there are, as listed in importers.def.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "import/options.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone {

struct Importer {
  std::string_view name, extensions, doc;  // extensions separated by spaces
  // Told from the content alone; may look at all of it, but should not need to.
  bool (*looks_like)(std::span<const std::byte> file);
  // The model keeps the file mapped. Its path names it in messages and leads to files beside it:
  // it is not opened again, for another file may lie there by then.
  Result<Model> (*read)(const std::shared_ptr<const MappedFile>& file, const Catalogue& catalogue,
                        const ImportOptions& options);
  // Reads the whole file and compares it with the hashes it records; null where there are none.
  Status (*verify)(const MappedFile& file, const Limits& limits);
};

std::span<const Importer> all_importers();
const Importer* importer_named(std::string_view name);  // null when there is none

// The importer for this content. Where no content is recognized, the extension decides, so that a
// damaged file is refused by the reader that can say what is wrong. Fails with `unknown_format`.
Result<const Importer*> importer_for(const std::string& path, std::span<const std::byte> file);

}  // namespace hone
