#include "api/open.h"

#include <fmt/format.h>

#include "base/mapped_file.h"
#include "base/text.h"
#include "import/importers.h"
#include "ops/catalogue.h"

namespace hone {

Result<OpenedModel> open_model_file(const std::string& path, const OpenOptions& options) {
  const auto file = std::make_shared<const MappedFile>(
      TRY(MappedFile::open(path).context("opening '" + printable(path) + "'")));
  if (file->size() == 0) return fail(ErrorId::truncated, "'" + printable(path) + "' is empty");
  const Importer* importer = TRY(importer_for(path, file->bytes()));
  if (options.verify) {
    if (!importer->verify) {
      Error error = fail(ErrorId::inconclusive,
                         fmt::format("'{}' cannot be verified: the {} format records no hashes",
                                     printable(path), importer->name));
      error.hint = "of the formats that hone reads, .hone artefacts do";
      return error;
    }
    TRY(importer->verify(*file, options.limits).context("verifying '" + printable(path) + "'"));
  }
  OpenedModel opened;
  opened.format = importer->name;
  opened.file_bytes = file->size();
  opened.model = TRY(importer->read(
      file, standard_catalogue(),
      {.limits = options.limits, .links = options.links, .missing = options.missing}));
  return opened;
}

Result<Model> open_model(const std::string& path, const OpenOptions& options) {
  return TRY(open_model_file(path, options)).model;
}

}  // namespace hone
