// Finds out which kind of tokenizer a file or folder holds, and what lies beside it.
#include "text/tokenizer/read.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "text/tokenizer/build.h"
#include "text/tokenizer/read_json.h"
#include "text/tokenizer/read_sentencepiece.h"
#include "text/tokenizer/read_vocabularies.h"

namespace hone {
namespace tokenizer {
namespace {

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// Files of one folder; those that are absent are empty.
class Neighbours {
 public:
  Neighbours(const Folder* folder, Links links) : folder_(folder), links_(links) {}

  Result<std::optional<MappedFile>> map(const std::string& name) const {
    if (folder_ == nullptr) return std::optional<MappedFile>();
    auto file = folder_->map(name, links_);
    if (file) return std::optional(file.take());
    if (file.error().id == ErrorId::not_found) return std::optional<MappedFile>();
    return file.take_error();
  }

 private:
  const Folder* folder_;
  Links links_;
};

class FolderReader {
 public:
  FolderReader(const Folder* folder, Links links, Ledger& ledger)
      : files_(folder, links), ledger_(ledger) {}

  Result<Tokenizer> read_folder(const std::string& path);
  Result<Tokenizer> read_file(const MappedFile& file);

 private:
  Result<Parts> json(const MappedFile& file);
  Result<Parts> vocabulary(const MappedFile& file, Json root);
  Result<Parts> words(const MappedFile& file);
  Result<Parts> sentencepiece(const MappedFile& file);
  // What the neighbours say of the tokenizer.
  Status configure(Parts& parts);
  Status read_end_ids(const std::string& name, Parts& parts);
  Result<std::vector<std::string>> special_names();
  static Result<Tokenizer> done(Result<Parts> parts, const std::string& path);

  Neighbours files_;
  Ledger& ledger_;
};

Result<Tokenizer> FolderReader::done(Result<Parts> parts, const std::string& path) {
  if (!parts)
    return std::move(parts).context("reading the tokenizer " + printable(path)).take_error();
  return Tokenizer(std::make_shared<const Parts>(parts.take()));
}

Result<Tokenizer> FolderReader::read_folder(const std::string& path) {
  for (const char* name : {"tokenizer.json", "tokenizer.model", "spiece.model",
                           "sentencepiece.bpe.model", "vocab.json", "vocab.txt"}) {
    if (const auto file = TRY(files_.map(name))) return read_file(*file);
  }
  Error error =
      fail(ErrorId::not_found, fmt::format("the folder {} holds no tokenizer", printable(path)));
  error.hint =
      "a tokenizer is tokenizer.json, tokenizer.model, vocab.json with merges.txt, or vocab.txt";
  return error;
}

Result<Tokenizer> FolderReader::read_file(const MappedFile& file) {
  const std::string_view text = text_of(file);
  const size_t start = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  if (text.empty())
    return fail(ErrorId::truncated, fmt::format("{} is empty", printable(file.path())));
  if (text.starts_with("GGUF")) {
    const Gguf gguf =
        TRY(read_gguf(file.bytes(), ledger_).context("reading " + printable(file.path())));
    return read_tokenizer(gguf, ledger_).context("reading " + printable(file.path()));
  }
  if (text.substr(start).starts_with('{')) return done(json(file), file.path());
  if (text[0] == '\n' && !is_utf8(text.substr(0, 4096)))
    return done(sentencepiece(file), file.path());
  if (text[0] == '\n' && text.size() > 1 && text[1] != '\n' && text.find("[UNK]") == text.npos)
    return done(sentencepiece(file), file.path());
  return done(words(file), file.path());
}

Result<Parts> FolderReader::json(const MappedFile& file) {
  const JsonDocument document = TRY(JsonDocument::parse(text_of(file), ledger_));
  const Json root = document.root();
  const auto model = root.find("model");
  if (!model || !model->is_object()) return vocabulary(file, root);
  Parts parts = TRY(read_tokenizer_json(root, ledger_));
  TRY(configure(parts));
  return parts;
}

Result<std::vector<std::string>> FolderReader::special_names() {
  std::vector<std::string> names;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const auto file = TRY(files_.map(name));
    if (!file) continue;
    const JsonDocument document = TRY(JsonDocument::parse(text_of(*file), ledger_).context(name));
    for (const auto [key, value] : document.root().members()) {
      if (!key.ends_with("_token")) continue;
      const auto content = value.is_object() ? value.find("content") : std::optional(value);
      if (content && content->is_string()) names.emplace_back(content->as_string().take());
    }
  }
  return names;
}

Result<Parts> FolderReader::vocabulary(const MappedFile&, Json root) {
  const auto merges = TRY(files_.map("merges.txt"));
  if (!merges) {
    Error error = fail(ErrorId::not_found, "there is no merges.txt beside the vocabulary");
    error.hint = "vocab.json and merges.txt belong together";
    return error;
  }
  Parts parts =
      TRY(read_vocabulary_and_merges(root, text_of(*merges), TRY(special_names()), ledger_));
  TRY(configure(parts));
  return parts;
}

Result<Parts> FolderReader::words(const MappedFile& file) {
  if (const size_t end = utf8_prefix(text_of(file)); end < file.size()) {
    return fail(ErrorId::unknown_format,
                fmt::format("{} is no tokenizer that hone reads: not UTF-8 at byte {}",
                            printable(file.path()), end));
  }
  std::optional<bool> lowercase;
  if (const auto config = TRY(files_.map("tokenizer_config.json"))) {
    const JsonDocument document = TRY(JsonDocument::parse(text_of(*config), ledger_));
    if (const auto value = document.root().find("do_lower_case"); value && value->is_bool())
      lowercase = TRY(value->as_bool());
  }
  Parts parts = TRY(read_word_pieces(text_of(file), lowercase, ledger_));
  TRY(configure(parts));
  return parts;
}

Result<Parts> FolderReader::sentencepiece(const MappedFile& file) {
  Parts parts = TRY(read_sentencepiece(file.bytes(), ledger_));
  const auto config = TRY(files_.map("tokenizer_config.json"));
  if (!config) {
    // Byte fallback came with Llama, whose texts begin with bos.
    if (parts.model->name() == "SentencePiece BPE" && !parts.fuse_unknown && parts.special.bos)
      parts.before.push_back(*parts.special.bos);
    return parts;
  }
  TRY(configure(parts));
  const JsonDocument document = TRY(JsonDocument::parse(text_of(*config), ledger_));
  const Json root = document.root();
  const std::string name = TRY(text(root, "tokenizer_class", ""));
  const bool llama =
      name.starts_with("Llama") || name.starts_with("Gemma") || name.starts_with("CodeLlama");
  if (llama && !root.find("add_bos_token") && parts.before.empty() && parts.special.bos)
    parts.before.push_back(*parts.special.bos);
  if (name.starts_with("T5") && parts.after.empty() && parts.special.eos)
    parts.after.push_back(*parts.special.eos);
  return parts;
}

Status FolderReader::read_end_ids(const std::string& name, Parts& parts) {
  const auto file = TRY(files_.map(name));
  if (!file) return ok();
  const JsonDocument document = TRY(JsonDocument::parse(text_of(*file), ledger_).context(name));
  const auto found = document.root().find("eos_token_id");
  if (!found) return ok();
  const auto add = [&](Json json) {
    const auto id = json.as_uint64();
    if (id && *id < uint64_t(parts.vocabulary->size())) parts.end_ids.push_back(int32_t(*id));
  };
  if (found->is_integer()) add(*found);
  for (const Json json : found->elements()) add(json);
  std::ranges::sort(parts.end_ids);
  const auto twice = std::ranges::unique(parts.end_ids);
  parts.end_ids.erase(twice.begin(), twice.end());
  return ok();
}

Status FolderReader::configure(Parts& parts) {
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    if (const auto file = TRY(files_.map(name)))
      TRY(read_tokenizer_config(text_of(*file), parts, ledger_).context(name));
  }
  if (const auto file = TRY(files_.map("chat_template.jinja"))) {
    std::erase_if(parts.chat_templates, [](const auto& t) { return t.first == "default"; });
    TRY(ledger_.charge(file->size(), "the chat template"));
    parts.chat_templates.emplace(parts.chat_templates.begin(), "default", text_of(*file));
  }
  TRY(read_end_ids("config.json", parts));
  return read_end_ids("generation_config.json", parts);
}

}  // namespace
}  // namespace tokenizer

Result<Tokenizer> read_tokenizer(const Folder& folder, Ledger& ledger, Links links) {
  return tokenizer::FolderReader(&folder, links, ledger).read_folder(folder.path());
}

Result<Tokenizer> read_tokenizer(const std::string& path, const Limits& limits, Links links) {
  Ledger ledger(limits);
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    const Folder folder = TRY(Folder::open(path));
    return read_tokenizer(folder, ledger, links);
  }
  const MappedFile file = TRY(MappedFile::open(path));
  const Folder folder = TRY(Folder::holding(path));
  return tokenizer::FolderReader(&folder, links, ledger).read_file(file);
}

}  // namespace hone
