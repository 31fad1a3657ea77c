// A mark, the vocabulary as three flat lists, the steps around the model, the model, special ids.
// What follows from these (indices, tables of merges by pair, compiled expressions) is made anew.
#include "text/tokenizer/stored.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/text.h"
#include "text/tokenizer/bpe.h"
#include "text/tokenizer/fields.h"
#include "text/tokenizer/parts.h"
#include "text/tokenizer/score_bpe.h"
#include "text/tokenizer/unigram.h"
#include "text/tokenizer/wordpiece.h"

namespace hone {
namespace tokenizer {
namespace {

constexpr std::string_view kMark = "hone tokenizer 1";

// An expression of its own; compiled when it is read.
template <class Fields>
Status put_pattern(Fields& f, std::optional<Pattern>& pattern) {
  bool there = pattern.has_value();
  std::string expression = pattern ? std::string(pattern->expression()) : "";
  TRY(f.flag(there));
  if (!there) return ok();
  TRY(f.characters(expression));
  if constexpr (Fields::kReads) pattern = TRY(Pattern::compile(expression));
  return ok();
}

Status put_entries(FieldWriter& f, const LongestMatch* match) {
  const bool there = match != nullptr;
  TRY(f.flag(there));
  if (!there) return ok();
  return store(f, *match);
}

Result<std::shared_ptr<const LongestMatch>> take_entries(FieldReader& f) {
  bool there = false;
  TRY(f.flag(there));
  if (!there) return std::shared_ptr<const LongestMatch>();
  return std::make_shared<const LongestMatch>(TRY(read_longest_match(f)));
}

Status put_charsmap(FieldWriter& f, std::shared_ptr<const Charsmap>& map) {
  return f.text(map ? map->blob() : "");
}

Status put_charsmap(FieldReader& f, std::shared_ptr<const Charsmap>& map) {
  const auto blob = TRY(f.bytes());
  if (!blob.empty()) map = std::make_shared<const Charsmap>(TRY(Charsmap::read(blob, f.ledger())));
  return ok();
}

template <class Fields>
Status put(Fields& f, Normalizer& n) {
  TRY(f.choice(n.kind, Normalizer::Kind::sentencepiece));
  TRY(f.choice(n.form, NormalForm::nfkd));
  for (bool* flag : {&n.left, &n.right, &n.bert.clean, &n.bert.spaced_ideographs,
                     &n.bert.strip_accents, &n.bert.lowercase})
    TRY(f.flag(*flag));
  TRY(f.characters(n.from));
  TRY(f.characters(n.to));
  TRY(put_pattern(f, n.pattern));
  auto& s = n.sentencepiece;
  for (bool* flag :
       {&s.dummy_prefix, &s.suffix, &s.remove_extra_spaces, &s.escape_spaces, &s.everywhere})
    TRY(f.flag(*flag));
  if constexpr (Fields::kReads) {
    s.verbatim = TRY(take_entries(f));
  } else {
    TRY(put_entries(f, s.verbatim.get()));
  }
  TRY(put_charsmap(f, n.charsmap));
  if constexpr (Fields::kReads) {
    if (n.kind == Normalizer::Kind::charsmap && !n.charsmap)
      return f.wrong("a table of replacements that is not there");
  }
  return ok();
}

template <class Fields>
Status put(Fields& f, PreTokenizer& p) {
  using Kind = PreTokenizer::Kind;
  TRY(f.choice(p.kind, Kind::fixed));
  TRY(f.choice(p.behavior, PreTokenizer::Behavior::with_next));
  TRY(f.choice(p.prepend, PreTokenizer::Prepend::always));
  TRY(f.flag(p.invert));
  TRY(f.flag(p.split));
  TRY(f.characters(p.text));
  uint32_t length = static_cast<uint32_t>(p.length);
  TRY(f.number(length));
  std::string expression(p.pattern               ? p.pattern->expression()
                         : p.kind == Kind::words ? expression_of(p.word_end)
                                                 : std::string_view());
  TRY(f.characters(expression));
  if constexpr (Fields::kReads) {
    p.length = length;
    if (p.kind == Kind::fixed && length == 0) return f.wrong("words of no characters");
    if (p.kind != Kind::words && p.kind != Kind::pattern) return ok();
    PreTokenizer made = TRY(split_by(expression, p.behavior, p.invert));
    p.kind = made.kind;
    p.word_end = made.word_end;
    p.pattern = std::move(made.pattern);
  }
  return ok();
}

template <class Fields>
Status put(Fields& f, AddedToken& t) {
  TRY(f.text(t.text));
  TRY(f.id(t.id));
  for (bool* flag : {&t.special, &t.normalized, &t.single_word, &t.left_strip, &t.right_strip})
    TRY(f.flag(*flag));
  if constexpr (Fields::kReads) {
    if (t.id < 0) return f.wrong("an added token without an id");
  }
  return ok();
}

template <class Fields>
Status put(Fields& f, DecodeStep& d) {
  TRY(f.choice(d.kind, DecodeStep::Kind::strip));
  TRY(f.text(d.from));
  TRY(f.text(d.to));
  TRY(put_pattern(f, d.pattern));
  for (bool* flag : {&d.strip, &d.strip_all, &d.clean}) TRY(f.flag(*flag));
  TRY(f.number(d.left));
  return f.number(d.right);
}

template <class Fields>
Status put(Fields& f, Decoder& d) {
  TRY(f.list(d.steps, [&](DecodeStep& step) { return put(f, step); }));
  TRY(f.text(d.join));
  TRY(f.text(d.ends));
  TRY(f.number(d.left));
  return f.number(d.right);
}

template <class Fields>
Status put(Fields& f, SpecialTokens& s) {
  for (auto* token : {&s.bos, &s.eos, &s.end_of_turn, &s.unknown, &s.padding, &s.separator,
                      &s.classification, &s.mask}) {
    int32_t id = token->value_or(-1);
    TRY(f.id(id));
    if constexpr (Fields::kReads) *token = id >= 0 ? std::optional(id) : std::nullopt;
  }
  return ok();
}

// What stands behind the model and the added tokens.
template <class Fields>
Status put_rest(Fields& f, Parts& p) {
  TRY(f.flag(p.fuse_unknown));
  TRY(f.ids(p.before));
  TRY(f.ids(p.after));
  TRY(put(f, p.decoder));
  TRY(put(f, p.special));
  TRY(f.ids(p.end_ids));
  TRY(f.numbers(p.is_special));
  TRY(f.text(p.pre_name));
  TRY(f.list(p.warnings, [&](std::string& text) { return f.text(text); }));
  return f.list(p.chat_templates, [&](auto& pair) -> Status {
    TRY(f.text(pair.first));
    return f.text(pair.second);
  });
}

Result<std::unique_ptr<const TokenModel>> read_model(FieldReader& f, const Parts& parts) {
  TokenModel::Kind kind{};
  TRY(f.choice(kind, TokenModel::Kind::wordpiece));
  switch (kind) {
    case TokenModel::Kind::bpe: return Bpe::read(f, parts.vocabulary, parts.byte_level);
    case TokenModel::Kind::score_bpe: return ScoreBpe::read(f, parts.vocabulary);
    case TokenModel::Kind::unigram: return Unigram::read(f, parts.vocabulary);
    case TokenModel::Kind::wordpiece: return WordPiece::read(f, parts.vocabulary);
  }
  return f.wrong("a model that there is not");
}

Result<AddedTokens> read_added(FieldReader& f, const Parts& parts) {
  std::vector<AddedToken> tokens;
  TRY(f.list(tokens, [&](AddedToken& token) { return put(f, token); }));
  std::vector<std::string> normalized;
  std::string out, scratch;
  SearchTime time;  // of all of them
  for (const AddedToken& token : tokens) {
    if (!token.normalized) continue;
    if (!is_utf8(token.text)) return f.wrong("an added token that is not UTF-8");
    normalized.emplace_back(TRY(normalize(parts.normalizers, token.text, {}, time, out, scratch)));
  }
  return AddedTokens::make(std::move(tokens), normalized, f.ledger());
}

Status write(FieldWriter& f, const Parts& parts) {
  TRY(f.text(kMark));
  TRY(parts.vocabulary->store(f));
  TRY(f.flag(parts.byte_level));
  TRY(f.list(parts.normalizers, [&](Normalizer& n) { return put(f, n); }));
  TRY(f.list(parts.pre_tokenizers, [&](PreTokenizer& p) { return put(f, p); }));
  TRY(f.list(parts.added.tokens(), [&](AddedToken& t) { return put(f, t); }));
  TRY(f.number(parts.model->kind()));
  TRY(parts.model->store(f));
  Parts rest;
  rest.fuse_unknown = parts.fuse_unknown;
  rest.before = parts.before;
  rest.after = parts.after;
  rest.decoder = parts.decoder;
  rest.special = parts.special;
  rest.end_ids = parts.end_ids;
  rest.is_special = parts.is_special;
  rest.pre_name = parts.pre_name;
  rest.warnings = parts.warnings;
  rest.chat_templates = parts.chat_templates;
  return put_rest(f, rest);
}

Result<Parts> read(FieldReader& f) {
  std::string mark;
  TRY(f.text(mark));
  if (mark != kMark) {
    return fail(ErrorId::unsupported_version,
                "the stored tokenizer is of another version than this hone reads");
  }
  Parts parts;
  auto vocabulary = std::make_shared<Vocabulary>();
  TRY(vocabulary->read(f));
  f.set_token_count(vocabulary->size());
  parts.vocabulary = std::move(vocabulary);
  TRY(f.flag(parts.byte_level));
  TRY(f.list(parts.normalizers, [&](Normalizer& n) { return put(f, n); }));
  TRY(f.list(parts.pre_tokenizers, [&](PreTokenizer& p) { return put(f, p); }));
  parts.added = TRY(read_added(f, parts));
  parts.model = TRY(read_model(f, parts));
  TRY(put_rest(f, parts));
  if (!std::ranges::is_sorted(parts.end_ids)) return f.wrong("ends of texts that are not sorted");
  if (parts.is_special.size() > size_t(parts.vocabulary->size()))
    return f.wrong("more special tokens than there are tokens");
  if (!f.done()) return f.wrong("less than it holds");
  return parts;
}

}  // namespace
}  // namespace tokenizer

std::string stored_tokenizer(const Tokenizer& tokenizer) {
  tokenizer::FieldWriter fields;
  CHECK(tokenizer::write(fields, tokenizer.parts()).ok());
  return fields.take();
}

Result<Tokenizer> read_stored_tokenizer(std::span<const std::byte> bytes, Ledger& ledger) {
  tokenizer::FieldReader fields(bytes, ledger);
  auto parts = TRY(tokenizer::read(fields).context("reading the tokenizer of the artefact"));
  return Tokenizer(std::make_shared<const tokenizer::Parts>(std::move(parts)));
}

}  // namespace hone
