// Tokenizers in the metadata of GGUF files (tokenizer.ggml.*).
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "text/tokenizer/build.h"
#include "text/tokenizer/read.h"
#include "text/tokenizer/read_json.h"
#include "text/tokenizer/read_sentencepiece.h"
#include "text/tokenizer/score_bpe.h"
#include "text/tokenizer/unicode.h"
#include "text/tokenizer/unigram.h"
#include "text/tokenizer/wordpiece.h"
#include "text/tokenizer/words.h"

namespace hone {
namespace tokenizer {
namespace {

using Type = ScoredVocabulary::Type;

// Keys below "tokenizer.ggml.".
class Metadata {
 public:
  Metadata(const Gguf& file, Ledger& ledger) : file_(file), ledger_(ledger) {}

  const GgufValue* find(std::string_view key) const {
    return file_.find("tokenizer.ggml." + std::string(key));
  }
  Result<std::string> text(std::string_view key, std::string_view fallback) const {
    const GgufValue* value = find(key);
    if (value == nullptr) return std::string(fallback);
    return std::string(TRY(value->as_string().context(named(key))));
  }
  Result<bool> flag(std::string_view key, bool fallback) const {
    const GgufValue* value = find(key);
    return value ? value->as_bool().context(named(key)) : fallback;
  }
  // None where the key is absent, or the id outside the vocabulary.
  Result<std::optional<int32_t>> id(std::string_view key, std::optional<int32_t> fallback,
                                    const Vocabulary& vocabulary) const {
    std::optional<int32_t> found = fallback;
    if (const GgufValue* value = find(key)) {
      const int64_t id = TRY(value->as_integer().context(named(key)));
      found = id >= 0 && id < vocabulary.size() ? std::optional(int32_t(id)) : std::nullopt;
    }
    return found && vocabulary.has(*found) ? found : std::nullopt;
  }
  Result<std::vector<std::string_view>> texts(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) return missing(key);
    return value->as_strings(ledger_).context(named(key));
  }
  static Error missing(std::string_view key) {
    return fail(ErrorId::malformed, "the key " + named(key) + " is missing");
  }
  static std::string named(std::string_view key) { return "tokenizer.ggml." + std::string(key); }

 private:
  const Gguf& file_;
  Ledger& ledger_;
};

// Is it, by its form, a token that only a template writes? "<|user|>", "<start_of_turn>".
bool is_marker(std::string_view token) {
  const auto enclosed = [&](std::string_view open, std::string_view close) {
    return token.size() > open.size() + close.size() && token.starts_with(open) &&
           token.ends_with(close);
  };
  return enclosed("<|", "|>") || enclosed("<\xef\xbd\x9c", "\xef\xbd\x9c>") ||
         token == "<start_of_turn>" || token == "<end_of_turn>" || token == "<turn|>" ||
         token == "<|turn>";
}

Result<ScoredVocabulary> read_vocabulary(const Metadata& metadata, Ledger& ledger) {
  ScoredVocabulary made;
  made.tokens = TRY(metadata.texts("tokens"));
  if (made.tokens.size() > Vocabulary::kMost)
    return fail(ErrorId::over_size, fmt::format("{} tokens", made.tokens.size()));
  TRY(ledger.charge(made.tokens.size(), "types of tokens"));
  made.types.assign(made.tokens.size(), Type::normal);
  if (const GgufValue* types = metadata.find("token_type")) {
    const auto numbers = TRY(types->as_integers(ledger).context("tokenizer.ggml.token_type"));
    if (numbers.size() != made.tokens.size()) {
      return fail(ErrorId::malformed,
                  fmt::format("{} types for {} tokens", numbers.size(), made.tokens.size()));
    }
    for (size_t i = 0; i < numbers.size(); ++i)
      if (numbers[i] >= 1 && numbers[i] <= 6) made.types[i] = static_cast<Type>(numbers[i]);
  }
  for (size_t i = 0; i < made.tokens.size(); ++i)
    if (made.types[i] == Type::user_defined && is_marker(made.tokens[i]))
      made.types[i] = Type::control;
  if (const GgufValue* scores = metadata.find("scores"))
    made.scores = TRY(scores->as_reals(ledger).context("tokenizer.ggml.scores"));
  return made;
}

// What the kinds of tokenizers have in common.
class GgufReader {
 public:
  GgufReader(const Gguf& file, Ledger& ledger)
      : file_(file), metadata_(file, ledger), ledger_(ledger) {}
  Result<Parts> read();

 private:
  Status put(bool byte_level);
  Status specials(const SpecialTokens& fallback);
  Status around(bool bos, bool eos, bool separator);
  Status sentencepiece();
  Status unigram();
  Status wordpiece();
  Status byte_pairs(std::string_view model);
  Result<NamedPreTokenizer> pre_tokenizer(std::string_view model);
  Status templates();
  Result<Parts> whole(const GgufValue& value);

  const Gguf& file_;
  Metadata metadata_;
  Ledger& ledger_;
  ScoredVocabulary vocabulary_;
  Parts parts_;
};

Status GgufReader::put(bool byte_level) {
  if (!byte_level) return put_vocabulary(vocabulary_, true, parts_, ledger_);
  // As put_vocabulary, but that tokens spell bytes.
  std::vector<VocabularyEntry> entries;
  std::vector<AddedToken> added;
  TRY(reserve_charged(ledger_, entries, vocabulary_.tokens.size(), "the vocabulary"));
  for (size_t i = 0; i < vocabulary_.tokens.size(); ++i) {
    const Type type = vocabulary_.types[i];
    const bool special = type == Type::control || type == Type::unknown;
    const std::string_view token = vocabulary_.tokens[i];
    // A single character belongs to the alphabet, and must stay there.
    const bool is_character = !token.empty() && char_length(token, 0) == token.size();
    entries.push_back({token, is_character || (!special && type != Type::user_defined)});
    if (!special && type != Type::user_defined) continue;
    TRY(ledger_.charge(sizeof(AddedToken) + token.size(), "added tokens"));
    added.push_back({.text = std::string(token), .id = int32_t(i), .special = special});
  }
  parts_.byte_level = true;
  parts_.vocabulary = TRY(make_vocabulary(entries, true, ledger_));
  for (const AddedToken& token : added)
    if (vocabulary_.types[size_t(token.id)] == Type::control) mark_special(parts_, token.id);
  parts_.added = TRY(AddedTokens::make(std::move(added), {}, ledger_));
  return ok();
}

Status GgufReader::specials(const SpecialTokens& fallback) {
  struct Named {
    std::string_view key;
    std::optional<int32_t> SpecialTokens::* id;
  };
  constexpr std::array kNamed{Named{"bos_token_id", &SpecialTokens::bos},
                              Named{"eos_token_id", &SpecialTokens::eos},
                              Named{"eot_token_id", &SpecialTokens::end_of_turn},
                              Named{"unknown_token_id", &SpecialTokens::unknown},
                              Named{"padding_token_id", &SpecialTokens::padding},
                              Named{"seperator_token_id", &SpecialTokens::separator},
                              Named{"separator_token_id", &SpecialTokens::separator},
                              Named{"cls_token_id", &SpecialTokens::classification},
                              Named{"mask_token_id", &SpecialTokens::mask}};
  parts_.special = fallback;
  for (const auto& [key, id] : kNamed)
    parts_.special.*id = TRY(metadata_.id(key, parts_.special.*id, *parts_.vocabulary));
  return ok();
}

Status GgufReader::around(bool bos, bool eos, bool separator) {
  const SpecialTokens& special = parts_.special;
  if (TRY(metadata_.flag("add_bos_token", bos)) && special.bos)
    parts_.before.push_back(*special.bos);
  if (TRY(metadata_.flag("add_eos_token", eos)) && special.eos)
    parts_.after.push_back(*special.eos);
  if (TRY(metadata_.flag("add_sep_token", separator)) && special.separator &&
      (parts_.after.empty() || parts_.after.back() != *special.separator))
    parts_.after.push_back(*special.separator);
  return ok();
}

Status GgufReader::sentencepiece() {
  TRY(put(false));
  TRY(specials({.bos = 1,
                .eos = 2,
                .end_of_turn = {},
                .unknown = 0,
                .padding = {},
                .separator = {},
                .classification = {},
                .mask = {}}));
  TRY(around(true, false, false));
  Normalizer step;
  step.kind = Normalizer::Kind::sentencepiece;
  const bool prefix = TRY(metadata_.flag("add_space_prefix", true));
  step.sentencepiece = {.dummy_prefix = prefix,
                        .suffix = false,
                        .remove_extra_spaces = false,
                        .escape_spaces = true,
                        .everywhere = true,
                        .verbatim = nullptr};
  parts_.normalizers.push_back(std::move(step));
  ScoreBpe::Options options;
  options.unknown = parts_.special.unknown.value_or(-1);
  options.bytes = byte_ids(*parts_.vocabulary, false);
  options.byte_fallback = std::ranges::any_of(options.bytes, [](int32_t id) { return id >= 0; });
  parts_.fuse_unknown = !options.byte_fallback;
  parts_.model =
      TRY(ScoreBpe::make(parts_.vocabulary, vocabulary_.scores, std::move(options), ledger_));
  parts_.decoder.steps.push_back({.kind = DecodeStep::Kind::bytes});
  parts_.decoder.steps.push_back({.kind = DecodeStep::Kind::sentencepiece,
                                  .from = std::string(kSpaceMark),
                                  .to = " \xe2\x81\x87 ",
                                  .strip = prefix});
  return ok();
}

Status GgufReader::unigram() {
  TRY(put(false));
  TRY(specials({.bos = {},
                .eos = 1,
                .end_of_turn = {},
                .unknown = 2,
                .padding = 0,
                .separator = {},
                .classification = {},
                .mask = {}}));
  TRY(around(false, true, false));
  Normalizer step;
  step.kind = Normalizer::Kind::sentencepiece;
  const bool prefix = TRY(metadata_.flag("add_space_prefix", true));
  const bool remove = TRY(metadata_.flag("remove_extra_whitespaces", false));
  step.sentencepiece = {.dummy_prefix = prefix,
                        .suffix = false,
                        .remove_extra_spaces = remove,
                        .escape_spaces = true,
                        .everywhere = false,
                        .verbatim = nullptr};
  if (const GgufValue* map = metadata_.find("precompiled_charsmap")) {
    const bool is_bytes =
        map->kind == GgufValue::Kind::array &&
        (map->element == GgufValue::Kind::i8 || map->element == GgufValue::Kind::u8);
    if (!is_bytes)
      return fail(ErrorId::malformed, "tokenizer.ggml.precompiled_charsmap is no array of bytes");
    step.charsmap = std::make_shared<const Charsmap>(TRY(Charsmap::read(map->bytes, ledger_)));
  }
  parts_.normalizers.push_back(std::move(step));
  Unigram::Options options;
  options.unknown = parts_.special.unknown.value_or(-1);
  options.bytes = byte_ids(*parts_.vocabulary, false);
  parts_.fuse_unknown = true;
  parts_.model = TRY(Unigram::make(
      parts_.vocabulary, {vocabulary_.scores.begin(), vocabulary_.scores.end()}, options, ledger_));
  parts_.decoder.steps.push_back({.kind = DecodeStep::Kind::sentencepiece,
                                  .from = std::string(kSpaceMark),
                                  .to = " \xe2\x81\x87 ",
                                  .strip = prefix || remove,
                                  .strip_all = remove});
  return ok();
}

// Words begin with a mark here, and go on without one.
Status GgufReader::wordpiece() {
  TRY(put(false));
  TRY(specials({.bos = {},
                .eos = {},
                .end_of_turn = {},
                .unknown = 100,
                .padding = 0,
                .separator = 102,
                .classification = {},
                .mask = 103}));
  auto& special = parts_.special;
  if (!special.classification)
    special.classification =
        special.bos ? special.bos : TRY(metadata_.id("cls_token_id", 101, *parts_.vocabulary));
  if (!special.bos) special.bos = special.classification;
  TRY(around(true, false, true));
  Normalizer step;
  step.kind = Normalizer::Kind::bert;
  step.bert.lowercase = TRY(metadata_.flag("normalizer.lowercase", true));
  step.bert.strip_accents = TRY(metadata_.flag("normalizer.strip_accents", step.bert.lowercase));
  parts_.normalizers.push_back(std::move(step));
  PreTokenizer spaces;
  spaces.kind = PreTokenizer::Kind::spaces;
  spaces.behavior = PreTokenizer::Behavior::removed;
  PreTokenizer marks;
  marks.kind = PreTokenizer::Kind::punctuation;
  parts_.pre_tokenizers = {spaces, marks};
  WordPiece::Options options;
  options.unknown = special.unknown.value_or(-1);
  options.first_prefix = kSpaceMark;
  options.prefix = "";
  parts_.model = std::make_unique<WordPiece>(parts_.vocabulary, std::move(options));
  // Marks become spaces, but for the first one; then what stood in front of punctuation goes.
  parts_.decoder.steps.push_back(
      {.kind = DecodeStep::Kind::metaspace, .from = std::string(kSpaceMark), .strip = true});
  parts_.decoder.steps.push_back({.kind = DecodeStep::Kind::clean});
  return ok();
}

Result<NamedPreTokenizer> GgufReader::pre_tokenizer(std::string_view model) {
  parts_.pre_name = TRY(metadata_.text("pre", ""));
  const std::string_view name = model == "gemma4" ? "gemma4" : std::string_view(parts_.pre_name);
  auto made = TRY(named_pre_tokenizer(name));
  if (name.empty()) {
    parts_.warnings.push_back(
        "The file names no pre-tokenizer (tokenizer.ggml.pre): the default one is taken, and "
        "tokens may differ from those the model knows.");
  } else if (!made.known) {
    parts_.warnings.push_back(fmt::format(
        "The pre-tokenizer \"{}\" is not known: the default one is taken, and tokens may differ "
        "from those the model knows.",
        printable(name)));
  }
  return made;
}

Status GgufReader::byte_pairs(std::string_view model) {
  auto named = TRY(pre_tokenizer(model));
  TRY(put(named.byte_level));
  const auto known = [&](std::string_view token) -> std::optional<int32_t> {
    const int32_t id = parts_.vocabulary->find_any(token);
    return id >= 0 ? std::optional(id) : std::nullopt;
  };
  SpecialTokens fallback;
  fallback.bos = fallback.eos = known("<|endoftext|>");
  TRY(specials(fallback));
  TRY(around(named.add_bos, false, named.add_separator));
  parts_.pre_tokenizers = std::move(named.steps);
  const GgufValue* merges = metadata_.find("merges");
  if (merges == nullptr) return Metadata::missing("merges");
  GgufStrings lines = TRY(merges->strings().context(Metadata::named("merges")));
  size_t index = 0;
  const auto next = [&](std::span<MergePair> some) -> Status {
    for (MergePair& merge : some) {
      std::string_view line;
      lines.next(line);
      merge = TRY(split_merge(line, index++));
    }
    return ok();
  };
  BpeOptions options;
  options.byte_level = named.byte_level;
  options.ignore_merges = named.ignore_merges;
  if (!named.byte_level) {
    options.byte_fallback = true;
    options.unknown = parts_.special.unknown.value_or(-1);
    Normalizer spaces;
    spaces.kind = Normalizer::Kind::replace;
    spaces.from = " ";
    spaces.to = kSpaceMark;
    parts_.normalizers.push_back(std::move(spaces));
    parts_.decoder.steps.push_back({.kind = DecodeStep::Kind::bytes});
    parts_.decoder.steps.push_back(
        {.kind = DecodeStep::Kind::metaspace, .from = std::string(kSpaceMark)});
  }
  size_t left_out = 0;
  parts_.model =
      TRY(make_bpe(parts_.vocabulary, merges->count, next, std::move(options), ledger_, &left_out));
  if (left_out > 0) {
    parts_.warnings.push_back(
        fmt::format("{} of {} merges name tokens that the vocabulary lacks: they are left out.",
                    left_out, merges->count));
  }
  return ok();
}

Status GgufReader::templates() {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  for (const auto& [key, value] : file_.metadata) {
    if (!key.starts_with(kKey) || value.kind != GgufValue::Kind::string) continue;
    const std::string_view rest = key.substr(kKey.size());
    if (!rest.empty() && rest[0] != '.') continue;
    const std::string_view text = TRY(value.as_string());
    TRY(ledger_.charge(text.size(), "chat templates"));
    parts_.chat_templates.emplace_back(rest.empty() ? "default" : rest.substr(1), text);
  }
  return ok();
}

// A tokenizer.json as a whole, of files whose keys do not say the same.
Result<Parts> GgufReader::whole(const GgufValue& value) {
  const JsonDocument document = TRY(JsonDocument::parse(TRY(value.as_string()), ledger_));
  parts_ = TRY(read_tokenizer_json(document.root(), ledger_));
  TRY(specials(parts_.special));
  if (parts_.before.empty() && parts_.after.empty()) TRY(around(false, false, false));
  TRY(templates());
  find_end_ids(parts_);
  return std::move(parts_);
}

Result<Parts> GgufReader::read() {
  const GgufValue* model = metadata_.find("model");
  if (const GgufValue* json = file_.find("tokenizer.huggingface.json"); json && !model)
    return whole(*json).context("reading tokenizer.huggingface.json");
  if (model == nullptr) {
    Error error = fail(ErrorId::malformed,
                       "the file holds no tokenizer: the key tokenizer.ggml.model is missing");
    error.hint = "name the tokenizer's own file, or convert the model with its tokenizer";
    return error;
  }
  const std::string_view name = TRY(model->as_string());
  if (name != "none" && name != "no_vocab") vocabulary_ = TRY(read_vocabulary(metadata_, ledger_));
  if (name == "llama") {
    TRY(sentencepiece());
  } else if (name == "t5") {
    TRY(unigram());
  } else if (name == "bert") {
    TRY(wordpiece());
  } else if (name == "gpt2" || name == "gemma4") {
    TRY(byte_pairs(name));
  } else {
    return fail(
        ErrorId::unsupported_feature,
        fmt::format("a tokenizer of the model \"{}\"; there are llama, gpt2, gemma4, bert and t5",
                    printable(name)));
  }
  TRY(templates());
  find_end_ids(parts_);
  return std::move(parts_);
}

}  // namespace
}  // namespace tokenizer

Result<Tokenizer> read_tokenizer(const Gguf& file, Ledger& ledger) {
  auto parts = TRY(tokenizer::GgufReader(file, ledger).read().context("reading the tokenizer"));
  return Tokenizer(std::make_shared<const tokenizer::Parts>(std::move(parts)));
}

}  // namespace hone
