// The model formats there are, as listed in importers.def.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "import/options.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone {

struct Importer {
  std::string_view name, extensions, doc;  // extensions separated by spaces
  // Told from the content alone; may look at all of it, but should not need to.
  bool (*looks_like)(std::span<const std::byte> file);
  Result<Model> (*read)(const std::string& path, const Catalogue& catalogue,
                        const ImportOptions& options);
  // Reads the whole file and compares it with the hashes it records; null where there are none.
  Status (*verify)(const std::string& path, const Limits& limits);
};

std::span<const Importer> all_importers();

// The importer for this content. Where no content is recognized, the extension decides, so that a
// damaged file is refused by the reader that can say what is wrong. Fails with `unknown_format`.
Result<const Importer*> importer_for(const std::string& path, std::span<const std::byte> file);

}  // namespace hone
