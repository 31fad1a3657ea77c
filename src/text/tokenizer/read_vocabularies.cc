// Bare vocabularies, with the steps that their models are known to have.
#include "text/tokenizer/read_vocabularies.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "text/tokenizer/build.h"
#include "text/tokenizer/wordpiece.h"

namespace hone::tokenizer {
namespace {

// The next line, without its end; a line may be the last without an end.
std::string_view take_line(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Result<std::vector<MergePair>> read_merges(std::string_view text, Ledger& ledger) {
  std::vector<MergePair> merges;
  if (text.starts_with("#version")) take_line(text);
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) continue;
    TRY(reserve_charged(ledger, merges, 1, "merges"));
    merges.push_back(TRY(split_merge(line, merges.size())));
  }
  return merges;
}

Result<std::vector<VocabularyEntry>> read_entries(Json vocabulary, Ledger& ledger) {
  if (!vocabulary.is_object()) return fail(ErrorId::malformed, "the vocabulary is no object");
  std::vector<VocabularyEntry> entries;
  TRY(reserve_charged(ledger, entries, vocabulary.size(), "the vocabulary"));
  for (const auto [token, json] : vocabulary.members()) {
    const uint64_t id = TRY(json.as_uint64().context(printable(token)));
    if (id >= Vocabulary::kMost || (id < entries.size() && entries[id].text.data() != nullptr)) {
      return fail(ErrorId::malformed,
                  fmt::format("token \"{}\" has the id {}, which {}", printable(token), id,
                              id < entries.size() ? "another one has" : "is too large"));
    }
    if (id >= entries.size()) {
      TRY(reserve_charged(ledger, entries, id + 1 - entries.size(), "the vocabulary"));
      entries.resize(id + 1);
    }
    entries[id] = {token, true};
  }
  return entries;
}

constexpr std::array<std::string_view, 9> kUsual{"<|endoftext|>", "<|startoftext|>", "<s>",
                                                 "</s>",          "<pad>",           "<unk>",
                                                 "<mask>",        "<|im_start|>",    "<|im_end|>"};

// CLIP: lower case, no spaces, words that end in "</w>".
Status clip_steps(Parts& parts) {
  Normalizer form, spaces, lower;
  form.kind = Normalizer::Kind::form;
  spaces.kind = Normalizer::Kind::replace;
  spaces.pattern = TRY(Pattern::compile(R"(\s+)"));
  spaces.to = " ";
  lower.kind = Normalizer::Kind::lowercase;
  parts.normalizers = {form, spaces, lower};
  parts.pre_tokenizers.push_back(
      TRY(split_by(R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)",
                   PreTokenizer::Behavior::removed, true)));
  parts.decoder.steps.push_back({.kind = DecodeStep::Kind::suffix, .from = "</w>"});
  return ok();
}

}  // namespace

Result<Parts> read_vocabulary_and_merges(Json vocabulary, std::string_view merges,
                                         const std::vector<std::string>& special, Ledger& ledger) {
  auto entries = TRY(read_entries(vocabulary, ledger));
  std::vector<AddedToken> added;
  for (size_t id = 0; id < entries.size(); ++id) {
    auto& entry = entries[id];
    if (std::ranges::find(kUsual, entry.text) == kUsual.end() &&
        std::ranges::find(special, entry.text) == special.end())
      continue;
    if (entry.text.size() <= 1) continue;  // of the alphabet
    entry.found = false;
    added.push_back({.text = std::string(entry.text),
                     .id = int32_t(id),
                     .special = true,
                     .left_strip = entry.text == "<mask>"});
  }
  Parts parts;
  parts.byte_level = true;
  parts.vocabulary = TRY(make_vocabulary(entries, true, ledger));
  for (const AddedToken& token : added) mark_special(parts, token.id);
  parts.added = TRY(AddedTokens::make(std::move(added), {}, ledger));
  BpeOptions options;
  options.byte_level = true;
  const auto known = [&](std::string_view token) -> std::optional<int32_t> {
    const int32_t id = parts.vocabulary->find_any(token);
    return id >= 0 ? std::optional(id) : std::nullopt;
  };
  if (parts.vocabulary->find("!</w>") >= 0) {
    options.suffix = "</w>";
    TRY(clip_steps(parts));
    parts.special.bos = known("<|startoftext|>");
    parts.special.eos = known("<|endoftext|>");
    if (parts.special.bos) parts.before.push_back(*parts.special.bos);
    if (parts.special.eos) parts.after.push_back(*parts.special.eos);
  } else {
    parts.pre_tokenizers = TRY(named_pre_tokenizer("gpt-2")).steps;
    if (known("<s>") && known("</s>") && known("<mask>")) {  // RoBERTa
      parts.special.bos = parts.special.classification = known("<s>");
      parts.special.eos = parts.special.separator = known("</s>");
      parts.special.mask = known("<mask>");
      parts.before.push_back(*parts.special.bos);
      parts.after.push_back(*parts.special.eos);
    } else {
      parts.special.bos = parts.special.eos = known("<|endoftext|>");
    }
  }
  const auto pairs = TRY(read_merges(merges, ledger));
  parts.model = TRY(make_bpe(parts.vocabulary, pairs, std::move(options), ledger));
  find_end_ids(parts);
  return parts;
}

Result<Parts> read_word_pieces(std::string_view lines, std::optional<bool> lowercase,
                               Ledger& ledger) {
  std::vector<VocabularyEntry> entries;
  std::vector<AddedToken> added;
  bool cased = false;
  while (!lines.empty()) {
    const std::string_view token = take_line(lines);
    constexpr std::array<std::string_view, 5> kSpecial{"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                                       "[MASK]"};
    const bool special = std::ranges::find(kSpecial, token) != kSpecial.end();
    if (special)
      added.push_back({.text = std::string(token), .id = int32_t(entries.size()), .special = true});
    cased = cased || (!token.starts_with('[') &&
                      std::ranges::any_of(token, [](char c) { return c >= 'A' && c <= 'Z'; }));
    TRY(reserve_charged(ledger, entries, 1, "the vocabulary"));
    entries.push_back({token, !special});
  }
  Parts parts;
  parts.vocabulary = TRY(make_vocabulary(entries, false, ledger));
  const auto id = [&](std::string_view token) -> std::optional<int32_t> {
    for (const AddedToken& a : added)
      if (a.text == token) return a.id;
    return std::nullopt;
  };
  parts.special = {.bos = id("[CLS]"),
                   .eos = id("[SEP]"),
                   .end_of_turn = {},
                   .unknown = id("[UNK]"),
                   .padding = id("[PAD]"),
                   .separator = id("[SEP]"),
                   .classification = id("[CLS]"),
                   .mask = id("[MASK]")};
  if (!parts.special.unknown)
    return fail(ErrorId::malformed,
                "vocab.txt holds no [UNK], so it is no vocabulary of WordPiece");
  if (parts.special.bos) parts.before.push_back(*parts.special.bos);
  if (parts.special.eos) parts.after.push_back(*parts.special.eos);
  for (const AddedToken& token : added) mark_special(parts, token.id);
  parts.added = TRY(AddedTokens::make(std::move(added), {}, ledger));
  Normalizer step;
  step.kind = Normalizer::Kind::bert;
  step.bert.lowercase = step.bert.strip_accents = lowercase.value_or(!cased);
  parts.normalizers.push_back(std::move(step));
  PreTokenizer spaces, marks;
  spaces.kind = PreTokenizer::Kind::spaces;
  spaces.behavior = PreTokenizer::Behavior::removed;
  marks.kind = PreTokenizer::Kind::punctuation;
  parts.pre_tokenizers = {spaces, marks};
  WordPiece::Options options;
  options.unknown = *parts.special.unknown;
  parts.model = std::make_unique<WordPiece>(parts.vocabulary, std::move(options));
  parts.decoder.steps.push_back({.kind = DecodeStep::Kind::wordpiece, .from = "##", .clean = true});
  find_end_ids(parts);
  return parts;
}

}  // namespace hone::tokenizer
