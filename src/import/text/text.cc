#include "import/text/text.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "base/atomic_file.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "formats/safetensors.h"
#include "import/hone/container.h"
#include "import/weights.h"
#include "ir/text.h"

namespace hone::text {
namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace fs = std::filesystem;

// Can a text at `path` name the source, and will it still hold the same once both files are
// written?
bool lies_beside(const DataSource& source, const std::string& path, const std::string& weights) {
  if (source.memory || source.name.empty()) return false;
  if (!source.mapped) return true;  // not there, wherever the text is
  std::error_code ignored;
  const fs::path here = fs::path(path).parent_path() / source.name;
  return fs::equivalent(here, source.mapped->path(), ignored) &&
         !fs::equivalent(here, weights, ignored) && !fs::equivalent(here, path, ignored);
}

// Copies the constants whose source does not stay to the file `weights`, the last source; none
// where all stay.
Result<std::optional<AtomicFile>> move_constants(const Model& model, const std::vector<bool>& stays,
                                                 const std::string& weights, Model& moved) {
  std::vector<SafetensorsSource> tensors;
  std::vector<uint32_t> constants;  // by tensor
  for (uint32_t i = 0; i < model.constants.size(); ++i) {
    const auto* span = std::get_if<Constant::Span>(&model.constants[i].data);
    if (span == nullptr || stays[span->source]) continue;
    tensors.push_back(container_tensor(model.constants[i], TRY(model.stored(ConstantId{i}))));
    constants.push_back(i);
  }
  if (tensors.empty()) return std::optional<AtomicFile>();
  StagedSafetensors staged = TRY(stage_safetensors(weights, tensors, {{"hone.kind", "weights"}})
                                     .context("writing '" + printable(weights) + "'"));
  const auto source = static_cast<uint32_t>(moved.sources.size());
  moved.sources.push_back(
      {fs::path(weights).filename().string(), nullptr, nullptr, staged.file.size()});
  for (size_t i = 0; i < tensors.size(); ++i)
    moved.constants[constants[i]].data = Constant::Span{source, staged.offsets[i], tensors[i].size};
  return std::optional(std::move(staged.file));
}

// A text that names a file needs it: sources of no constant are left out.
void drop_unused_sources(Model& model) {
  std::vector<std::optional<uint32_t>> numbers(model.sources.size());
  std::vector<DataSource> used;
  for (Constant& constant : model.constants) {
    auto* span = std::get_if<Constant::Span>(&constant.data);
    if (span == nullptr) continue;
    auto& number = numbers[span->source];
    if (!number) {
      number = static_cast<uint32_t>(used.size());
      used.push_back(model.sources[span->source]);
    }
    span->source = *number;
  }
  model.sources = std::move(used);
}

}  // namespace

bool looks_like_text(std::span<const std::byte> file) { return as_text(file).starts_with("hone "); }

Result<Model> import_file(const std::string& path, const Catalogue& catalogue,
                          const ImportOptions& options) {
  return import_mapped(std::make_shared<const MappedFile>(TRY(MappedFile::open(path))), catalogue,
                       options);
}

Result<Model> import_mapped(const std::shared_ptr<const MappedFile>& file,
                            const Catalogue& catalogue, const ImportOptions& options) {
  const std::string& path = file->path();
  Model model = TRY(parse_model_text(as_text(file->bytes()), catalogue, options.limits)
                        .context("reading '" + printable(path) + "'"));
  if (model.sources.empty()) return model;
  const Folder folder = TRY(Folder::holding(path));
  std::vector<bool> needed(model.sources.size());
  for (const Constant& constant : model.constants)
    if (const auto* span = std::get_if<Constant::Span>(&constant.data)) needed[span->source] = true;
  for (size_t i = 0; i < needed.size(); ++i) {
    DataSource& source = model.sources[i];
    if (!needed[i] || source.name.empty()) continue;
    source.mapped = TRY(open_weights(folder, source.name, options)
                            .context("opening the weights of '" + printable(path) + "'"));
    if (source.mapped && source.mapped->size() != source.size) {
      return fail(source.mapped->size() < source.size ? ErrorId::truncated : ErrorId::bad_data,
                  fmt::format("'{}' holds {} bytes, the text says {}", printable(source.name),
                              source.mapped->size(), source.size));
    }
  }
  return model;
}

Result<Written> write(const Model& model, const std::string& path) {
  Written written;
  const std::string weights = path + ".safetensors";
  std::vector<bool> stays;
  for (const DataSource& source : model.sources)
    stays.push_back(lies_beside(source, path, weights));
  Model moved = model;
  std::optional<AtomicFile> bytes = TRY(move_constants(model, stays, weights, moved));
  drop_unused_sources(moved);
  const auto put = [&]() -> Status {
    AtomicFile text = TRY(AtomicFile::create(path));
    TRY(text.write(print(moved)));
    // Both files are on the disk before the first takes its place: a text without its weights would
    // be read with those of another.
    TRY(text.settle());
    if (bytes) {
      written.weights = weights;
      written.bytes = bytes->size();
      TRY(bytes->commit());
    }
    return text.commit();
  };
  TRY(put().context("writing '" + printable(path) + "'"));
  return written;
}

}  // namespace hone::text
