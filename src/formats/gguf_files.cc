// Parts of a split file are opened beneath the folder of the one that was named.
#include "formats/gguf_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "formats/gguf_writer.h"

namespace hone {
namespace {

Result<uint64_t> number(const GgufFiles::Part& part, std::string_view key, uint64_t otherwise) {
  const GgufValue* value = part.content.find(key);
  if (value == nullptr) return otherwise;
  return value->as_unsigned().context(
      fmt::format("reading \"{}\" of '{}'", key, printable(part.name)));
}

Status expect(const GgufFiles::Part& part, std::string_view key, uint64_t expected,
              uint64_t otherwise) {
  const uint64_t found = TRY(number(part, key, otherwise));
  if (found == expected) return ok();
  return fail(ErrorId::malformed, fmt::format("'{}' says that \"{}\" is {}, which should be {}",
                                              printable(part.name), key, found, expected));
}

Result<GgufFiles::Part> read_part(std::string name, std::shared_ptr<const MappedFile> file,
                                  Ledger& ledger) {
  Gguf content =
      TRY(read_gguf(file->bytes(), ledger).context(fmt::format("reading '{}'", printable(name))));
  return GgufFiles::Part{std::move(name), std::move(file), std::move(content)};
}

Status check_parts(const std::vector<GgufFiles::Part>& parts, Ledger& ledger) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < parts.size(); ++i) {
    TRY(expect(parts[i], "split.no", i, UINT64_MAX));
    TRY(expect(parts[i], "split.count", parts.size(), UINT64_MAX));
    TRY(reserve_charged(ledger, names, parts[i].content.tensors.size(), "GGUF names"));
    for (const GgufTensor& tensor : parts[i].content.tensors) names.push_back(tensor.name);
  }
  TRY(expect(parts[0], "split.tensors.count", names.size(), names.size()));
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return ok();
  return fail(ErrorId::duplicate_name,
              fmt::format("two parts have a tensor \"{}\"", printable(*twice)));
}

// A model whose parts are not all there is a damaged file, not a wrong path.
Error lacks(const std::string& name, uint32_t number, uint32_t count, Error error) {
  error.context.push_back(
      fmt::format("opening '{}', part {} of {}", printable(name), number, count));
  if (error.id == ErrorId::not_found)
    error.hint = "all parts of a split model belong into one folder; get the one that is missing";
  return error;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Result<GgufFiles> GgufFiles::open(const std::string& path, Ledger& ledger) {
  return open(std::make_shared<const MappedFile>(TRY(MappedFile::open(path))), ledger);
}

Result<GgufFiles> GgufFiles::open(std::shared_ptr<const MappedFile> file, Ledger& ledger,
                                  Links links) {
  GgufFiles files;
  const std::string name = file_name(file->path()), path = file->path();
  Part given = TRY(read_part(name, std::move(file), ledger));
  const uint64_t count = TRY(number(given, "split.count", 1));
  if (count <= 1) {
    files.parts_.push_back(std::move(given));
    return files;
  }
  const auto part = gguf_part_name(name);
  if (!part || part->count != count) {
    return fail(ErrorId::malformed,
                fmt::format("'{}' is one of {} parts, but its name does not end in "
                            "-00001-of-{:05}.gguf or the like, by which the others are found",
                            printable(name), count, count));
  }
  const Folder folder = TRY(Folder::holding(path));
  for (uint32_t i = 1; i <= part->count; ++i) {
    if (i == part->number) {
      files.parts_.push_back(std::move(given));
      continue;
    }
    std::string sibling = GgufPartName{part->stem, i, part->count}.str();
    auto opened = folder.map(sibling, links);
    if (!opened) return lacks(sibling, i, part->count, opened.take_error());
    auto mapped = std::make_shared<const MappedFile>(opened.take());
    TRY(ledger.charge(sizeof(Part), "GGUF parts"));
    files.parts_.push_back(TRY(read_part(std::move(sibling), std::move(mapped), ledger)));
  }
  TRY(check_parts(files.parts_, ledger));
  return files;
}

std::vector<GgufFiles::Tensor> GgufFiles::tensors() const {
  std::vector<Tensor> all;
  for (size_t i = 0; i < parts_.size(); ++i) {
    for (const GgufTensor& entry : parts_[i].content.tensors) all.push_back({i, &entry});
  }
  return all;
}

}  // namespace hone
