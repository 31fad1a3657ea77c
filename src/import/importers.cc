// Chooses an importer by content.
#include "import/importers.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "import/hone/artefact.h"
#include "import/onnx/onnx.h"
#include "import/text/text.h"

namespace hone {
namespace {

constexpr std::array kImporters{
#define IMPORTER(name, extensions, doc, looks_like, read, verify) \
  Importer{#name, extensions, doc, looks_like, read, verify},
#include "import/importers.def"
#undef IMPORTER
};

bool has_extension(const std::string& path, std::string_view extensions) {
  while (!extensions.empty()) {
    const size_t end = std::min(extensions.find(' '), extensions.size());
    if (path.ends_with(extensions.substr(0, end))) return true;
    extensions.remove_prefix(std::min(end + 1, extensions.size()));
  }
  return false;
}

}  // namespace

std::span<const Importer> all_importers() { return kImporters; }

Result<const Importer*> importer_for(const std::string& path, std::span<const std::byte> file) {
  for (const Importer& importer : kImporters) {
    if (importer.looks_like(file)) return &importer;
  }
  for (const Importer& importer : kImporters) {
    if (has_extension(path, importer.extensions)) return &importer;
  }
  Error error = fail(ErrorId::unknown_format,
                     fmt::format("'{}' is of no format that hone reads", printable(path)));
  error.hint = "hone reads ";
  for (const Importer& importer : kImporters) {
    error.hint += fmt::format("{}{} ({})", &importer == &kImporters[0] ? "" : ", ", importer.name,
                              importer.doc);
  }
  return error;
}

}  // namespace hone
