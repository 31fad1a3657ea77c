#include "api/tokenizer.h"

#include <filesystem>
#include <mutex>
#include <optional>

#include "api/shapes.h"
#include "base/log.h"
#include "base/text.h"
#include "import/hone/artefact.h"
#include "ops/catalogue.h"
#include "text/tokenizer/bytes.h"
#include "text/tokenizer/read.h"
#include "text/tokenizer/stored.h"

namespace hone {
namespace {

// Read once, when it is asked for.
class OwnTokenizer : public Attachment {
 public:
  OwnTokenizer(std::shared_ptr<const MappedFile> file, bool folder, const OpenOptions& options)
      : file_(std::move(file)), folder_(folder), limits_(options.limits), links_(options.links) {}

  Result<std::span<const std::byte>> bytes() const override {
    const std::scoped_lock lock(mutex_);
    if (!stored_) stored_ = made();
    return std::as_bytes(std::span(*stored_));
  }

  // None where there is none.
  Result<std::optional<Tokenizer>> read() const;

 private:
  std::string made() const {
    auto tokenizer = read();
    if (tokenizer) return *tokenizer ? stored_tokenizer(**tokenizer) : "";
    LOG(warn, "the tokenizer cannot be read: the artefact will have none",
        {{"model", printable(file_->path())}, {"reason", tokenizer.error().message}});
    return "";
  }
  std::shared_ptr<const MappedFile> file_;
  bool folder_;
  Limits limits_;
  Links links_;
  mutable std::mutex mutex_;
  mutable std::optional<std::string> stored_;
};

Result<std::optional<Tokenizer>> OwnTokenizer::read() const {
  Ledger ledger(limits_);
  if (!folder_) {
    const Gguf gguf = TRY(read_gguf(file_->bytes(), ledger));
    if (!gguf.find("tokenizer.ggml.model")) return std::optional<Tokenizer>();
    return std::optional(TRY(read_tokenizer(gguf, ledger)));
  }
  const Folder folder = TRY(Folder::holding(file_->path()));
  auto tokenizer = read_tokenizer(folder, ledger, links_);
  if (tokenizer) return std::optional(tokenizer.take());
  if (tokenizer.error().id == ErrorId::not_found) return std::optional<Tokenizer>();
  return tokenizer.take_error();
}

Error lacks_tokenizer(const std::string& path) {
  Error error = fail(ErrorId::not_found, "the model '" + printable(path) + "' has no tokenizer");
  error.hint = "name one with --tokenizer";
  return error;
}

}  // namespace

Result<Tokenizer> tokenizer_of(const Model& model, const std::string& path, const Limits& limits) {
  const auto found = model.attachments.find(kTokenizerAttachment);
  if (found == model.attachments.end()) return lacks_tokenizer(path);
  if (const auto* own = dynamic_cast<const OwnTokenizer*>(found->second.get())) {
    auto tokenizer = TRY(own->read().context("reading the tokenizer of '" + printable(path) + "'"));
    if (!tokenizer) return lacks_tokenizer(path);
    return *std::move(tokenizer);
  }
  const auto bytes = TRY(found->second->bytes());
  Ledger ledger(limits);
  return read_stored_tokenizer(bytes, ledger).context("reading '" + printable(path) + "'");
}

Result<Tokenizer> open_tokenizer(const std::string& path, const Limits& limits, Links links) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return read_tokenizer(path, limits, links);
  if (const auto shape = shape_named(path); shape && !std::filesystem::exists(path, ignored)) {
    Ledger ledger(limits);
    return byte_tokenizer(int32_t(shape->shape->vocabulary), ledger);
  }
  const auto file = std::make_shared<const MappedFile>(TRY(MappedFile::open(path)));
  if (!artefact::looks_like_artefact(file->bytes())) return read_tokenizer(path, limits, links);
  const Model model = TRY(artefact::import_mapped(file, standard_catalogue(), {.limits = limits}));
  return tokenizer_of(model, path, limits);
}

void attach_tokenizer(Model& model, const std::shared_ptr<const MappedFile>& file,
                      std::string_view format, const OpenOptions& options) {
  if (format != "gguf" && format != "hf") return;
  // Of a model in several files the first one has it.
  const bool folder = format == "hf";
  model.attachments.emplace(kTokenizerAttachment,
                            std::make_shared<const OwnTokenizer>(
                                folder ? file : model.sources[0].mapped, folder, options));
}

}  // namespace hone
