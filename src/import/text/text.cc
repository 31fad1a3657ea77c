#include "import/text/text.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "ir/text.h"

namespace hone::text {
namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool looks_like_text(std::span<const std::byte> file) { return as_text(file).starts_with("hone "); }

Result<Model> import_file(const std::string& path, const Catalogue& catalogue,
                          const Limits& limits) {
  const MappedFile file = TRY(MappedFile::open(path));
  Model model = TRY(parse_model_text(as_text(file.bytes()), catalogue, limits)
                        .context("reading '" + printable(path) + "'"));
  if (model.sources.empty()) return model;
  const Folder folder = TRY(Folder::holding(path));
  for (DataSource& source : model.sources) {
    if (source.name.empty()) continue;
    auto mapped = folder.map(source.name);
    if (!mapped && mapped.error().id == ErrorId::not_found) {
      LOG(warn, "the text names a file that is not there", {{"file", printable(source.name)}});
      continue;
    }
    if (!mapped) return mapped.take_error();
    if (mapped->size() != source.size) {
      return fail(ErrorId::truncated,
                  fmt::format("'{}' holds {} bytes, the text says {}", printable(source.name),
                              mapped->size(), source.size));
    }
    source.mapped = std::make_shared<const MappedFile>(mapped.take());
  }
  return model;
}

}  // namespace hone::text
