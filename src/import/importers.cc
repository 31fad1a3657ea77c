// Chooses an importer by content.
#include "import/importers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "import/gguf/gguf.h"
#include "import/hf/checkpoint.h"
#include "import/hf/hf.h"
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

// What a file is that is no model, or none that hone reads; "" where it cannot be told.
std::string_view kind_of(std::span<const std::byte> file) {
  const std::string_view begin(reinterpret_cast<const char*>(file.data()),
                               std::min<size_t>(file.size(), 64));
  struct Sign {
    size_t at;
    std::string_view bytes, kind;
  };
  static constexpr Sign kSigns[] = {
      {0, "version https://git-lfs", "the pointer of a Git LFS file; `git lfs pull` gets the file"},
      {0, "\x1f\x8b", "compressed with gzip"},
      {0, "PK\x03\x04", "a zip archive, as PyTorch and NumPy write them"},
      {0, "\x89PNG", "a PNG image"},
      {0, "GGUF", "a GGUF file"},
      {0, "\x89HDF", "an HDF5 file"},
      {4, "TFL3", "a TensorFlow Lite model"},
  };
  for (const Sign& sign : kSigns)
    if (begin.size() > sign.at && begin.substr(sign.at).starts_with(sign.bytes)) return sign.kind;
  const bool text = std::ranges::all_of(
      begin, [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t'; });
  if (!text || begin.empty()) return "";
  return begin[0] == '<' ? "a page of markup" : "a text";
}

// Weights of PyTorch as folders of Hugging Face have them, by their name.
bool is_pickled(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  return path.starts_with("pytorch_model") &&
         (path.ends_with(".bin") || path.ends_with(".bin.index.json"));
}

Error unknown_format(const std::string& path, std::string_view kind) {
  Error error =
      fail(ErrorId::unknown_format,
           kind.empty()
               ? fmt::format("'{}' is of no format that hone reads", printable(path))
               : fmt::format("'{}' is no model that hone reads: it is {}", printable(path), kind));
  if (is_pickled(path)) {
    error.hint = hf::kFromPickle;
    return error;
  }
  error.hint = "hone reads ";
  for (const Importer& importer : kImporters) {
    error.hint += fmt::format("{}{} ({})", &importer == &kImporters[0] ? "" : ", ", importer.name,
                              importer.doc);
  }
  return error;
}

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

const Importer* importer_named(std::string_view name) {
  for (const Importer& importer : kImporters)
    if (importer.name == name) return &importer;
  return nullptr;
}

Result<const Importer*> importer_for(const std::string& path, std::span<const std::byte> file) {
  for (const Importer& importer : kImporters) {
    if (importer.looks_like(file)) return &importer;
  }
  const std::string_view kind = kind_of(file);
  if (!kind.empty()) return unknown_format(path, kind);
  for (const Importer& importer : kImporters) {
    if (has_extension(path, importer.extensions)) return &importer;
  }
  return unknown_format(path, "");
}

}  // namespace hone
