// Reads pieces, trainer and normalizer of a ModelProto, and makes the model that it is trained for.
#include "text/tokenizer/read_sentencepiece.h"

#include <fmt/format.h>

#include "base/text.h"
#include "formats/protobuf.h"
#include "text/tokenizer/build.h"
#include "text/tokenizer/score_bpe.h"
#include "text/tokenizer/unigram.h"
#include "text/tokenizer/words.h"

namespace hone::tokenizer {
namespace {

using Type = ScoredVocabulary::Type;

enum class ModelType : uint8_t { unigram = 1, bpe = 2, word = 3, character = 4 };

// sentencepiece_model.proto: field numbers and defaults.
struct Proto {
  ScoredVocabulary vocabulary;
  uint64_t model_type = 1;
  int32_t unknown = 0, bos = 1, eos = 2, pad = -1;
  bool byte_fallback = false, suffix = false;
  std::string unknown_surface = " \xe2\x81\x87 ";
  std::span<const std::byte> charsmap;
  bool dummy_prefix = true, remove_extra = true, escape = true;
};

Result<std::string_view> text_of(const WireField& field, std::string_view path) {
  const auto bytes = TRY(wire_bytes(field, path));
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Status read_piece(const WireField& field, ScoredVocabulary& out, Ledger& ledger) {
  WireReader reader = TRY(WireReader::inside(field, "ModelProto.pieces"));
  std::string_view piece;
  float score = 0;
  uint64_t type = 1;
  while (const auto inner = TRY(reader.next())) {
    switch (inner->number) {
      case 1: piece = TRY(text_of(*inner, "piece")); break;
      case 2: score = TRY(wire_float(*inner, "score")); break;
      case 3: type = TRY(wire_uint64(*inner, "type")); break;
      default: break;
    }
  }
  if (type < 1 || type > 6 || piece.empty()) {
    return fail(ErrorId::malformed, fmt::format("piece {} \"{}\" of the type {}", out.tokens.size(),
                                                printable(piece), type));
  }
  TRY(reserve_charged(ledger, out.tokens, 1, "pieces"));
  TRY(reserve_charged(ledger, out.scores, 1, "pieces"));
  TRY(reserve_charged(ledger, out.types, 1, "pieces"));
  out.tokens.push_back(piece);
  out.scores.push_back(score);
  out.types.push_back(static_cast<Type>(type));
  return ok();
}

Status read_trainer(const WireField& field, Proto& out) {
  WireReader reader = TRY(WireReader::inside(field, "ModelProto.trainer_spec"));
  while (const auto inner = TRY(reader.next())) {
    switch (inner->number) {
      case 3: out.model_type = TRY(wire_uint64(*inner, "model_type")); break;
      case 24: out.suffix = TRY(wire_bool(*inner, "treat_whitespace_as_suffix")); break;
      case 35: out.byte_fallback = TRY(wire_bool(*inner, "byte_fallback")); break;
      case 40: out.unknown = TRY(wire_int32(*inner, "unk_id")); break;
      case 41: out.bos = TRY(wire_int32(*inner, "bos_id")); break;
      case 42: out.eos = TRY(wire_int32(*inner, "eos_id")); break;
      case 43: out.pad = TRY(wire_int32(*inner, "pad_id")); break;
      case 44: out.unknown_surface = TRY(text_of(*inner, "unk_surface")); break;
      default: break;
    }
  }
  return ok();
}

Status read_normalizer_spec(const WireField& field, Proto& out) {
  WireReader reader = TRY(WireReader::inside(field, "ModelProto.normalizer_spec"));
  while (const auto inner = TRY(reader.next())) {
    switch (inner->number) {
      case 2: out.charsmap = TRY(wire_bytes(*inner, "precompiled_charsmap")); break;
      case 3: out.dummy_prefix = TRY(wire_bool(*inner, "add_dummy_prefix")); break;
      case 4: out.remove_extra = TRY(wire_bool(*inner, "remove_extra_whitespaces")); break;
      case 5: out.escape = TRY(wire_bool(*inner, "escape_whitespaces")); break;
      default: break;
    }
  }
  return ok();
}

Result<Proto> read_proto(std::span<const std::byte> file, Ledger& ledger) {
  Proto proto;
  WireReader reader(file, 0, "ModelProto");
  while (const auto field = TRY(reader.next())) {
    switch (field->number) {
      case 1: TRY(read_piece(*field, proto.vocabulary, ledger)); break;
      case 2: TRY(read_trainer(*field, proto)); break;
      case 3: TRY(read_normalizer_spec(*field, proto)); break;
      default: break;
    }
  }
  if (proto.vocabulary.tokens.empty())
    return fail(ErrorId::malformed, "the SentencePiece model has no pieces");
  return proto;
}

std::vector<LongestMatch::Entry> user_defined(const ScoredVocabulary& vocabulary) {
  std::vector<LongestMatch::Entry> entries;
  for (size_t i = 0; i < vocabulary.tokens.size(); ++i)
    if (vocabulary.types[i] == Type::user_defined)
      entries.push_back({std::string(vocabulary.tokens[i]), static_cast<int32_t>(i)});
  return entries;
}

Result<std::unique_ptr<const TokenModel>> make_model(const Proto& proto, Parts& parts,
                                                     Ledger& ledger) {
  const ScoredVocabulary& v = proto.vocabulary;
  const int32_t unknown = parts.special.unknown.value_or(-1);
  switch (static_cast<ModelType>(proto.model_type)) {
    case ModelType::unigram: {
      Unigram::Options options;
      options.unknown = unknown;
      options.byte_fallback = proto.byte_fallback;
      options.bytes = byte_ids(*parts.vocabulary, false);
      options.single_precision = true;
      for (size_t i = 0; i < v.types.size(); ++i) {
        if (v.types[i] != Type::user_defined) continue;
        options.favoured.resize(v.types.size());
        options.favoured[i] = 1;
      }
      return std::unique_ptr<const TokenModel>(TRY(
          Unigram::make(parts.vocabulary, {v.scores.begin(), v.scores.end()}, options, ledger)));
    }
    case ModelType::bpe: {
      ScoreBpe::Options options;
      options.unknown = unknown;
      options.byte_fallback = proto.byte_fallback;
      options.bytes = byte_ids(*parts.vocabulary, false);
      for (size_t i = 0; i < v.types.size(); ++i) {
        if (v.types[i] != Type::unused) continue;
        options.unused.resize(v.types.size());
        options.unused[i] = 1;
      }
      options.whole = TRY(LongestMatch::make(user_defined(v), ledger));
      return std::unique_ptr<const TokenModel>(
          TRY(ScoreBpe::make(parts.vocabulary, v.scores, std::move(options), ledger)));
    }
    case ModelType::word:
    case ModelType::character: break;
  }
  return fail(ErrorId::unsupported_feature,
              fmt::format("a SentencePiece model of the type {} ({})", proto.model_type,
                          proto.model_type == 3   ? "words"
                          : proto.model_type == 4 ? "characters"
                                                  : "unknown"));
}

}  // namespace

Status put_vocabulary(const ScoredVocabulary& scored, bool cut_user_defined, Parts& parts,
                      Ledger& ledger) {
  std::vector<VocabularyEntry> entries;
  TRY(reserve_charged(ledger, entries, scored.tokens.size(), "the vocabulary"));
  std::vector<AddedToken> added;
  for (size_t i = 0; i < scored.tokens.size(); ++i) {
    const Type type = scored.types[i];
    const bool found = type == Type::normal || type == Type::user_defined || type == Type::unused;
    entries.push_back({scored.tokens[i], found});
    const bool special = type == Type::control || type == Type::unknown;
    if (!special && !(cut_user_defined && type == Type::user_defined)) continue;
    TRY(ledger.charge(sizeof(AddedToken) + scored.tokens[i].size(), "added tokens"));
    added.push_back(
        {.text = std::string(scored.tokens[i]), .id = static_cast<int32_t>(i), .special = special});
  }
  parts.vocabulary = TRY(make_vocabulary(entries, false, ledger));
  for (const AddedToken& token : added)
    if (token.special && scored.types[size_t(token.id)] == Type::control)
      mark_special(parts, token.id);
  parts.added = TRY(AddedTokens::make(std::move(added), {}, ledger));
  return ok();
}

Result<Parts> read_sentencepiece(std::span<const std::byte> file, Ledger& ledger) {
  const Proto proto = TRY(read_proto(file, ledger));
  Parts parts;
  TRY(put_vocabulary(proto.vocabulary, false, parts, ledger));
  const auto id = [&](int32_t i) {
    return parts.vocabulary->has(i) ? std::optional(i) : std::nullopt;
  };
  const auto& types = proto.vocabulary.types;
  for (size_t i = 0; i < types.size(); ++i)
    if (types[i] == Type::unknown) parts.special.unknown = static_cast<int32_t>(i);
  parts.special.bos = id(proto.bos);
  parts.special.eos = id(proto.eos);
  parts.special.padding = id(proto.pad);

  Normalizer step;
  step.kind = Normalizer::Kind::sentencepiece;
  step.sentencepiece = {.dummy_prefix = proto.dummy_prefix,
                        .suffix = proto.suffix,
                        .remove_extra_spaces = proto.remove_extra,
                        .escape_spaces = proto.escape,
                        .everywhere = false,
                        .verbatim = nullptr};
  auto verbatim = user_defined(proto.vocabulary);
  if (!verbatim.empty())
    step.sentencepiece.verbatim =
        std::make_shared<const LongestMatch>(TRY(LongestMatch::make(std::move(verbatim), ledger)));
  if (!proto.charsmap.empty())
    step.charsmap = std::make_shared<const Charsmap>(TRY(Charsmap::read(proto.charsmap, ledger)));
  parts.normalizers.push_back(std::move(step));
  parts.model = TRY(make_model(proto, parts, ledger));
  parts.fuse_unknown = !proto.byte_fallback;
  if (proto.byte_fallback) parts.decoder.steps.push_back({.kind = DecodeStep::Kind::bytes});
  parts.decoder.steps.push_back({.kind = DecodeStep::Kind::sentencepiece,
                                 .from = std::string(kSpaceMark),
                                 .to = proto.unknown_surface,
                                 .strip = proto.dummy_prefix || proto.remove_extra,
                                 .strip_all = proto.remove_extra});
  find_end_ids(parts);
  return parts;
}

}  // namespace hone::tokenizer
