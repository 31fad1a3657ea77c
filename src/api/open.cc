#include "api/open.h"

#include <fmt/format.h>

#include <filesystem>

#include "api/shapes.h"
#include "api/tokenizer.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "import/importers.h"
#include "ops/catalogue.h"

namespace hone {

namespace {

constexpr const char* kConfig = "config.json";

// The file that a folder is read by.
Result<MappedFile> map_config(const std::string& path, const OpenOptions& options) {
  auto mapped = TRY(Folder::open(path)).map(kConfig, options.links);
  if (mapped) return mapped;
  Error error = mapped.take_error();
  if (error.id == ErrorId::not_found) {
    error.message = fmt::format("the folder '{}' holds no {}", printable(path), kConfig);
    error.hint = "name a file, or a folder with a model of Hugging Face's form";
  }
  return error;
}

// A name alone, where no file has it.
Result<OpenedModel> open_shape(const NamedShapeModel& shape, const std::string& path,
                               const OpenOptions& options) {
  if (options.verify)
    return fail(ErrorId::inconclusive, "'" + printable(path) + "' is no file that records hashes");
  OpenedModel opened;
  opened.format = "shape";
  opened.model = TRY(shape_model(shape, options.limits, options.language)
                         .context("making a model of the shape '" + printable(path) + "'"));
  for (const DataSource& source : opened.model.sources) opened.file_bytes += source.size;
  return opened;
}

}  // namespace

Result<OpenedModel> open_model_file(const std::string& path, const OpenOptions& options) {
  std::error_code ignored;
  if (const auto shape = shape_named(path); shape && !std::filesystem::exists(path, ignored))
    return open_shape(*shape, path, options);
  const bool folder = std::filesystem::is_directory(path, ignored);
  const auto file = std::make_shared<const MappedFile>(
      TRY((folder ? map_config(path, options) : MappedFile::open(path))
              .context("opening '" + printable(path) + "'")));
  if (file->size() == 0)
    return fail(ErrorId::truncated, "'" + printable(file->path()) + "' is empty");
  const Importer* importer = folder ? importer_named("hf") : TRY(importer_for(path, file->bytes()));
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
  opened.model = TRY(importer->read(file, standard_catalogue(),
                                    {.limits = options.limits,
                                     .links = options.links,
                                     .missing = options.missing,
                                     .language = options.language}));
  attach_tokenizer(opened.model, file, importer->name, options);
  opened.file_bytes = file->size();
  if (folder)
    for (const DataSource& source : opened.model.sources) opened.file_bytes += source.size;
  return opened;
}

Result<Model> open_model(const std::string& path, const OpenOptions& options) {
  return TRY(open_model_file(path, options)).model;
}

}  // namespace hone
