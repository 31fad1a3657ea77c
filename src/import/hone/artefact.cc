#include "import/hone/artefact.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "formats/safetensors.h"
#include "import/hone/container.h"
#include "ir/text.h"

namespace hone::artefact {
namespace {

bool in_container(const Constant& constant) {
  return !constant.name.empty() && !std::holds_alternative<std::vector<std::string>>(constant.data);
}

// Portable, or for the kernels that the model's text names.
std::string_view kind_of(const Model& model) {
  return model.phase == "lower" ? "compiled" : "portable";
}

std::string hash_of(std::string_view kind, std::string_view text, std::string_view hashes,
                    std::vector<SafetensorsTensor> tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  Sha256 hash;
  hash.update(
      fmt::format("hone {} 1 {} {} {}\n", kind, text.size(), hashes.size(), tensors.size()));
  hash.update(text);
  hash.update(hashes);
  for (const SafetensorsTensor& t : tensors)
    hash.update(fmt::format("{} {} [{}]\n", quote(t.name), t.dtype, fmt::join(t.shape, ",")));
  return hex(hash.finish());
}

// The container, with the metadata that every artefact has.
struct Container {
  Safetensors file;
  const std::string& kind() const { return file.metadata.at("hone.kind"); }
  const std::string& text() const { return file.metadata.at("hone.text"); }
  const std::string& hashes() const { return file.metadata.at("hone.hashes"); }
};

Result<Container> read_container(std::span<const std::byte> bytes, Ledger& ledger) {
  Container container{TRY(read_safetensors(bytes, ledger))};
  const auto& metadata = container.file.metadata;
  if (!metadata.contains("hone.text")) {
    Error error = fail(ErrorId::unknown_format,
                       "the safetensors file holds weights only: there is no graph in it");
    error.hint = "open the model file that the weights belong to, such as its .onnx";
    return error;
  }
  for (const char* key : {"hone.version", "hone.kind", "hone.hashes", "hone.sha256"}) {
    if (!metadata.contains(key))
      return fail(ErrorId::malformed, fmt::format("the artefact's metadata has no \"{}\"", key));
  }
  if (metadata.at("hone.version") != "1") {
    return fail(ErrorId::unsupported_version,
                fmt::format("the artefact has version {}; this hone reads version 1",
                            printable(metadata.at("hone.version"))));
  }
  if (container.kind() != "portable" && container.kind() != "compiled") {
    return fail(
        ErrorId::unsupported_version,
        fmt::format("the artefact is of kind \"{}\"; this hone reads portable and compiled ones",
                    printable(container.kind())));
  }
  if (hash_of(container.kind(), container.text(), container.hashes(), container.file.tensors) !=
      metadata.at("hone.sha256")) {
    return fail(ErrorId::bad_checksum,
                "graph, tensor table and hashes do not match the recorded content hash");
  }
  return container;
}

// Bytes of the file, as long as it is mapped.
class MappedAttachment : public Attachment {
 public:
  MappedAttachment(std::shared_ptr<const MappedFile> file, uint64_t offset, uint64_t size)
      : file_(std::move(file)), offset_(offset), size_(size) {}
  Result<std::span<const std::byte>> bytes() const override {
    return file_->bytes().subspan(offset_, size_);
  }

 private:
  std::shared_ptr<const MappedFile> file_;
  uint64_t offset_, size_;
};

Status place_attachments(Model& model, const Container& container,
                         const std::shared_ptr<const MappedFile>& mapped) {
  for (const SafetensorsTensor& t : container.file.tensors) {
    if (!t.name.starts_with(kAttached)) continue;
    if (t.dtype != "U8" || t.shape.size() != 1)
      return fail(ErrorId::malformed,
                  fmt::format("the attachment '{}' is {}[{}], expected bytes", printable(t.name),
                              t.dtype, fmt::join(t.shape, ",")));
    model.attachments[t.name.substr(kAttached.size())] = std::make_shared<const MappedAttachment>(
        mapped, container.file.data_offset + t.begin, t.end - t.begin);
  }
  return ok();
}

// Gives constants their bytes. Small ones are copied, so that reading them touches one page less.
Status place_constants(Model& model, const Container& container,
                       const std::shared_ptr<const MappedFile>& mapped) {
  std::unordered_map<std::string_view, const SafetensorsTensor*, SeededHash, std::equal_to<>> index;
  for (const SafetensorsTensor& t : container.file.tensors) index.emplace(t.name, &t);
  size_t found = 0;
  for (Constant& constant : model.constants) {
    auto* span = std::get_if<Constant::Span>(&constant.data);
    if (!span) continue;
    const auto it = index.find(tensor_name(constant.name));
    if (it == index.end()) {
      return fail(ErrorId::malformed,
                  fmt::format("there are no bytes for constant '@{}'", printable(constant.name)));
    }
    const SafetensorsTensor& tensor = *it->second;
    const uint64_t size = tensor.end - tensor.begin;
    const TensorLayout layout = layout_of(constant, span->length);
    if (size != span->length || tensor.dtype != layout.dtype || tensor.shape != layout.shape) {
      return fail(ErrorId::malformed,
                  fmt::format("tensor \"{}\" is {}[{}], which does not fit its constant of type {}",
                              printable(tensor.name), tensor.dtype, fmt::join(tensor.shape, ","),
                              constant.type.str()));
    }
    ++found;
    const uint64_t offset = container.file.data_offset + tensor.begin;
    if (size <= kMaxInline) {
      const auto bytes = mapped->bytes().subspan(offset, size);
      constant.data = std::vector<std::byte>(bytes.begin(), bytes.end());
    } else {
      constant.data = Constant::Span{0, offset, size};
    }
  }
  found += model.attachments.size();
  if (found != container.file.tensors.size()) {
    return fail(ErrorId::malformed, fmt::format("the file holds {} tensors, the graph declares {}",
                                                container.file.tensors.size(), found));
  }
  return ok();
}

Result<Model> read_model(const std::shared_ptr<const MappedFile>& mapped,
                         const Catalogue& catalogue, const Limits& limits) {
  Ledger ledger(limits);
  const Container container = TRY(read_container(mapped->bytes(), ledger));
  Model model = TRY(parse_model_text(container.text(), catalogue, ledger)
                        .context("reading the graph of the artefact"));
  if (kind_of(model) != container.kind())
    return fail(ErrorId::malformed, fmt::format("the graph of a {} artefact is in phase '{}'",
                                                container.kind(), printable(model.phase)));
  if (model.sources.size() > 1)
    return fail(ErrorId::malformed, "the graph of an artefact has one source: its own file");
  TRY(place_attachments(model, container, mapped));
  TRY(place_constants(model, container, mapped));
  model.sources.clear();
  model.sources.push_back(
      {std::filesystem::path(mapped->path()).filename().string(), mapped, nullptr, mapped->size()});
  return model;
}

}  // namespace

bool looks_like_artefact(std::span<const std::byte> file) {
  if (file.size() < 10) return false;
  uint64_t length;
  std::memcpy(&length, file.data(), sizeof length);
  return length >= 2 && length <= kMostSafetensorsHeader && length <= file.size() - 8 &&
         file[8] == std::byte{'{'};
}

Result<Model> import_file(const std::string& path, const Catalogue& catalogue,
                          const ImportOptions& options) {
  return import_mapped(std::make_shared<const MappedFile>(TRY(MappedFile::open(path))), catalogue,
                       options);
}

Result<Model> import_mapped(const std::shared_ptr<const MappedFile>& file,
                            const Catalogue& catalogue, const ImportOptions& options) {
  return read_model(file, catalogue, options.limits)
      .context("reading '" + printable(file->path()) + "'");
}

Status verify_mapped(const MappedFile& mapped, const Limits& limits) {
  Ledger ledger(limits);
  Container container = TRY(read_container(mapped.bytes(), ledger));
  auto& tensors = container.file.tensors;
  std::sort(tensors.begin(), tensors.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  std::string_view rest = container.hashes();
  for (const SafetensorsTensor& tensor : tensors) {
    const auto bytes = mapped.bytes().subspan(container.file.data_offset + tensor.begin,
                                              tensor.end - tensor.begin);
    const std::string line = sha256_hex(bytes) + " " + quote(tensor.name) + "\n";
    if (!rest.starts_with(line)) {
      return fail(ErrorId::bad_checksum, fmt::format("the bytes of tensor \"{}\" do not match "
                                                     "their recorded hash",
                                                     printable(tensor.name)));
    }
    rest.remove_prefix(line.size());
  }
  return ok();
}

Result<std::string> portable_text(const Model& model) {
  Model copy = model;
  uint64_t total = 0;
  for (uint32_t i = 0; i < copy.constants.size(); ++i) {
    Constant& constant = copy.constants[i];
    if (!in_container(constant)) continue;
    const uint64_t size = TRY(model.stored(ConstantId{i})).size();
    total += size;
    constant.data = Constant::Span{0, 0, size};
  }
  copy.sources.clear();
  copy.sources.push_back({"weights", nullptr, nullptr, total});
  return print(copy);
}

namespace {

// What an artefact of a model holds, and what identifies it.
struct Content {
  std::vector<SafetensorsSource> tensors;  // sorted by name
  std::string text, hashes, sha256;
};

struct Hashed {
  SafetensorsSource tensor;
  ConstantId constant;  // none of attachments
  std::string sha256;
};

// What goes into the container, sorted by name. Constants of a mapped file leave memory again.
Result<std::vector<Hashed>> hashed_tensors(const Model& model, int threads) {
  std::vector<Hashed> all;
  for (uint32_t i = 0; i < model.constants.size(); ++i) {
    const Constant& constant = model.constants[i];
    if (!in_container(constant)) continue;
    const auto bytes = TRY(model.stored(ConstantId{i}));
    all.push_back({container_tensor(constant, bytes), ConstantId{i}, {}});
  }
  for (const auto& [name, attachment] : model.attachments) {
    const auto bytes = TRY(attachment->bytes());
    if (!bytes.empty()) all.push_back({attachment_tensor(name, bytes), {}, {}});
  }
  std::sort(all.begin(), all.end(),
            [](const Hashed& a, const Hashed& b) { return a.tensor.name < b.tensor.name; });
  ThreadPool pool(threads);
  pool.parallel_for(int64_t(all.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = size_t(begin); i < size_t(end); ++i) {
      all[i].sha256 = sha256_hex(all[i].tensor.data);
      if (all[i].constant.valid()) model.release(all[i].constant);
    }
  });
  return all;
}

Result<Content> content_of(const Model& model, int threads) {
  Content content;
  std::vector<SafetensorsTensor> table;
  for (Hashed& h : TRY(hashed_tensors(model, threads))) {
    content.hashes += h.sha256 + " " + quote(h.tensor.name) + "\n";
    table.push_back({h.tensor.name, h.tensor.dtype, h.tensor.shape, 0, 0});
    content.tensors.push_back(std::move(h.tensor));
  }
  content.text = TRY(portable_text(model));
  content.sha256 = hash_of(kind_of(model), content.text, content.hashes, std::move(table));
  return content;
}

}  // namespace

Result<std::string> content_hash(const Model& model, int threads) {
  return TRY(content_of(model, threads)).sha256;
}

Status write(const Model& model, const std::string& path, int threads) {
  Content content = TRY(content_of(model, threads));
  const std::map<std::string, std::string> metadata{{"hone.version", "1"},
                                                    {"hone.kind", std::string(kind_of(model))},
                                                    {"hone.text", std::move(content.text)},
                                                    {"hone.hashes", std::move(content.hashes)},
                                                    {"hone.sha256", std::move(content.sha256)}};
  return write_safetensors(path, content.tensors, metadata)
      .context("writing '" + printable(path) + "'");
}

}  // namespace hone::artefact
