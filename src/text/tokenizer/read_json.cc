// Puts the parts of tokenizer.json together: vocabulary, added tokens, model, template.
#include "text/tokenizer/read_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "text/tokenizer/build.h"
#include "text/tokenizer/unicode.h"
#include "text/tokenizer/unigram.h"
#include "text/tokenizer/wordpiece.h"

namespace hone::tokenizer {
namespace {

// The vocabulary while it is collected; texts lie in the document.
struct Collected {
  std::vector<VocabularyEntry> entries;
  std::vector<double> scores;  // of Unigram
  std::vector<AddedToken> added;

  Status put(uint64_t id, std::string_view token, bool found, Ledger& ledger) {
    if (id >= Vocabulary::kMost) {
      return fail(ErrorId::malformed,
                  fmt::format("token \"{}\" has the id {}", printable(token), id));
    }
    if (id >= entries.size()) {
      TRY(reserve_charged(ledger, entries, id + 1 - entries.size(), "the vocabulary"));
      entries.resize(id + 1);
    }
    entries[id] = {token, found};
    return ok();
  }
};

bool is_one_character(std::string_view text) {
  return !text.empty() && char_length(text, 0) == text.size();
}

std::string_view guess_type(Json model) {
  const auto vocab = model.find("vocab");
  if (model.find("merges")) return "BPE";
  if (vocab && vocab->is_array()) return "Unigram";
  if (model.find("max_input_chars_per_word")) return "WordPiece";
  return "WordLevel";
}

Status read_vocab(Json vocab, Collected& out, Ledger& ledger) {
  if (vocab.is_array()) {
    for (const Json pair : vocab.elements()) {
      if (pair.size() != 2 || !pair.is_array())
        return fail(ErrorId::malformed, "vocab holds something else than pairs of token and score");
      auto at = pair.elements().begin();
      const std::string_view token = TRY((*at).as_string());
      ++at;
      const double score = TRY((*at).as_double());
      TRY(out.put(out.entries.size(), token, true, ledger));
      TRY(reserve_charged(ledger, out.scores, 1, "scores"));
      out.scores.push_back(score);
    }
    return ok();
  }
  if (!vocab.is_object()) return fail(ErrorId::malformed, "vocab is neither object nor array");
  TRY(reserve_charged(ledger, out.entries, vocab.size(), "the vocabulary"));
  for (const auto [token, id] : vocab.members()) {
    const uint64_t at = TRY(id.as_uint64());
    if (at < out.entries.size() && out.entries[at].text.data() != nullptr) {
      return fail(ErrorId::malformed,
                  fmt::format("tokens \"{}\" and \"{}\" have the same id {}",
                              printable(out.entries[at].text), printable(token), at));
    }
    TRY(out.put(at, token, true, ledger));
  }
  return ok();
}

Status read_added(Json list, Collected& out, Ledger& ledger) {
  for (const Json json : list.elements()) {
    AddedToken token;
    const uint64_t id = TRY(TRY(json.get("id")).as_uint64());
    const std::string_view content = TRY(TRY(json.get("content")).as_string());
    token.special = TRY(flag(json, "special", false));
    token.normalized = TRY(flag(json, "normalized", !token.special));
    token.single_word = TRY(flag(json, "single_word", false));
    token.left_strip = TRY(flag(json, "lstrip", false));
    token.right_strip = TRY(flag(json, "rstrip", false));
    token.text = content;
    const bool known = id < out.entries.size() && out.entries[id].text == content;
    // A single character belongs to the alphabet, and must stay there.
    TRY(out.put(id, content, known && (!token.special || is_one_character(content)), ledger));
    token.id = static_cast<int32_t>(id);
    TRY(ledger.charge(sizeof token + content.size(), "added tokens"));
    out.added.push_back(std::move(token));
  }
  return ok();
}

Result<std::vector<MergePair>> read_merges(Json merges, Ledger& ledger) {
  std::vector<MergePair> pairs;
  TRY(reserve_charged(ledger, pairs, merges.size(), "merges"));
  for (const Json json : merges.elements()) {
    if (json.is_string()) {
      pairs.push_back(TRY(split_merge(TRY(json.as_string()), pairs.size())));
      continue;
    }
    if (!json.is_array() || json.size() != 2)
      return fail(ErrorId::malformed, fmt::format("merge {} is no pair", pairs.size()));
    auto at = json.elements().begin();
    const std::string_view left = TRY((*at).as_string());
    ++at;
    const std::string_view right = TRY((*at).as_string());
    pairs.push_back({left, right});
  }
  return pairs;
}

Result<int32_t> id_of(const Vocabulary& vocabulary, std::string_view token, std::string_view what) {
  const int32_t id = vocabulary.find_any(token);
  if (id >= 0) return id;
  return fail(ErrorId::malformed,
              fmt::format("the {} \"{}\" is not in the vocabulary", what, printable(token)));
}

Result<std::unique_ptr<const TokenModel>> read_bpe(Json model, Parts& parts, Ledger& ledger) {
  BpeOptions options;
  options.byte_level = parts.byte_level;
  options.ignore_merges = TRY(flag(model, "ignore_merges", false));
  options.byte_fallback = TRY(flag(model, "byte_fallback", false));
  options.fuse_unknown = TRY(flag(model, "fuse_unk", false));
  options.prefix = TRY(text(model, "continuing_subword_prefix", ""));
  options.suffix = TRY(text(model, "end_of_word_suffix", ""));
  const std::string unknown = TRY(text(model, "unk_token", ""));
  if (!unknown.empty()) {
    options.unknown = TRY(id_of(*parts.vocabulary, unknown, "unk_token"));
    parts.special.unknown = options.unknown;
  }
  const auto merges = TRY(read_merges(TRY(model.get("merges")), ledger));
  return make_bpe(parts.vocabulary, merges, std::move(options), ledger);
}

Result<std::unique_ptr<const TokenModel>> read_unigram(Json model, Collected& collected,
                                                       Parts& parts, Ledger& ledger) {
  if (parts.byte_level)
    return fail(ErrorId::unsupported_feature, "a Unigram model over bytes (ByteLevel)");
  Unigram::Options options;
  if (const auto unknown = model.find("unk_id"); unknown && !unknown->is_null()) {
    const uint64_t id = TRY(unknown->as_uint64());
    if (id >= uint64_t(parts.vocabulary->size()))
      return fail(ErrorId::malformed, fmt::format("unk_id {} is not in the vocabulary", id));
    options.unknown = static_cast<int32_t>(id);
    parts.special.unknown = options.unknown;
  }
  options.byte_fallback = TRY(flag(model, "byte_fallback", false));
  options.bytes = byte_ids(*parts.vocabulary, false);
  return std::unique_ptr<const TokenModel>(
      TRY(Unigram::make(parts.vocabulary, std::move(collected.scores), options, ledger)));
}

Result<std::unique_ptr<const TokenModel>> read_words(Json model, bool whole, Parts& parts) {
  WordPiece::Options options;
  options.whole_words = whole;
  options.prefix = TRY(text(model, "continuing_subword_prefix", "##"));
  if (const auto longest = model.find("max_input_chars_per_word"))
    options.longest_word = std::min<size_t>(TRY(longest->as_uint64()), 4096);
  const std::string unknown = TRY(text(model, "unk_token", ""));
  if (!unknown.empty() && parts.vocabulary->find_any(unknown) >= 0) {
    options.unknown = parts.vocabulary->find_any(unknown);
    parts.special.unknown = options.unknown;
  }
  return std::unique_ptr<const TokenModel>(
      std::make_unique<WordPiece>(parts.vocabulary, std::move(options)));
}

Result<int32_t> checked_id(Json json, const Parts& parts) {
  const uint64_t id = TRY(json.as_uint64());
  if (id >= uint64_t(parts.vocabulary->size()))
    return fail(ErrorId::malformed, fmt::format("post_processor: there is no token {}", id));
  return static_cast<int32_t>(id);
}

// ["[SEP]", 102]
Result<int32_t> named_id(Json json, std::string_view key, const Parts& parts) {
  const Json pair = TRY(json.get(key));
  if (!pair.is_array() || pair.size() != 2)
    return fail(ErrorId::malformed, fmt::format("{} is no pair of token and id", key));
  auto at = pair.elements().begin();
  ++at;
  return checked_id(*at, parts);
}

Status add_template(Json json, Parts& parts) {
  const auto specials = json.find("special_tokens");
  bool behind = false;
  std::vector<int32_t> before, after;
  const Json single = TRY(json.get("single"));
  for (const Json item : single.elements()) {
    if (item.find("Sequence")) {
      if (behind) return fail(ErrorId::unsupported_feature, "a template that holds the text twice");
      behind = true;
      continue;
    }
    const std::string_view name = TRY(TRY(TRY(item.get("SpecialToken")).get("id")).as_string());
    const auto found = specials ? specials->find(name) : std::nullopt;
    if (!found) {
      return fail(
          ErrorId::malformed,
          fmt::format("the template uses \"{}\", which it does not define", printable(name)));
    }
    const Json ids = TRY(found->get("ids"));
    for (const Json id : ids.elements())
      (behind ? after : before).push_back(TRY(checked_id(id, parts)));
  }
  if (!behind) return fail(ErrorId::unsupported_feature, "a template without the text");
  parts.before.insert(parts.before.begin(), before.begin(), before.end());
  parts.after.insert(parts.after.end(), after.begin(), after.end());
  return ok();
}

Status read_post_processor(Json json, int depth, Parts& parts) {
  if (json.is_null()) return ok();
  if (depth > 8) return fail(ErrorId::over_depth, "post-processors in post-processors, too deep");
  const std::string_view type = TRY(type_of(json));
  if (type == "Sequence") {
    const Json list = TRY(json.get("processors"));
    for (const Json inner : list.elements()) TRY(read_post_processor(inner, depth + 1, parts));
    return ok();
  }
  if (type == "ByteLevel") return ok();  // only moves offsets
  if (type == "TemplateProcessing") return add_template(json, parts);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    parts.before.insert(parts.before.begin(), TRY(named_id(json, "cls", parts)));
    parts.after.push_back(TRY(named_id(json, "sep", parts)));
    return ok();
  }
  return fail(ErrorId::unsupported_feature,
              fmt::format("a post-processor of the type \"{}\"", printable(type)));
}

Status add_tokens(Collected& collected, Parts& parts, Ledger& ledger) {
  std::vector<std::string> normalized;
  std::string out, scratch;
  SearchTime time;  // of all of them
  for (const AddedToken& token : collected.added) {
    if (token.special) mark_special(parts, token.id);
    if (!token.normalized) continue;
    normalized.emplace_back(TRY(normalize(parts.normalizers, token.text, {}, time, out, scratch)));
  }
  parts.added = TRY(AddedTokens::make(std::move(collected.added), normalized, ledger));
  return ok();
}

std::optional<Json> present(Json json, std::string_view key) {
  const auto found = json.find(key);
  return found && !found->is_null() ? found : std::nullopt;
}

// "</s>" or {"content": "</s>", …}
std::optional<std::string_view> content_of(Json root, std::string_view key) {
  const auto found = present(root, key);
  if (!found) return std::nullopt;
  const auto content = found->is_object() ? found->find("content") : found;
  if (!content || !content->is_string()) return std::nullopt;
  return content->as_string().take();
}

void read_templates(Json root, Parts& parts) {
  const auto found = present(root, "chat_template");
  if (!found) return;
  if (found->is_string())
    parts.chat_templates.emplace_back("default", std::string(found->as_string().take()));
  for (const Json item : found->elements()) {
    const auto name = content_of(item, "name"), content = content_of(item, "template");
    if (name && content) parts.chat_templates.emplace_back(*name, *content);
  }
}

}  // namespace

Result<Parts> read_tokenizer_json(Json root, Ledger& ledger) {
  Parts parts;
  const Json model = TRY(root.get("model"));
  const std::string type = TRY(text(model, "type", guess_type(model)));
  if (const auto json = present(root, "normalizer"))
    parts.normalizers = TRY(read_normalizer(*json, ledger).context("the normalizer"));
  if (const auto json = present(root, "pre_tokenizer")) {
    auto made = TRY(read_pre_tokenizer(*json).context("the pre_tokenizer"));
    parts.pre_tokenizers = std::move(made.steps);
    parts.byte_level = made.byte_level;
  }
  const auto decoder = root.find("decoder");
  if (decoder) parts.decoder = TRY(read_decoder(*decoder, parts.warnings).context("the decoder"));
  if (!decoder) parts.decoder.join = " ";

  Collected collected;
  TRY(read_vocab(TRY(model.get("vocab")), collected, ledger));
  if (const auto added = present(root, "added_tokens"))
    TRY(read_added(*added, collected, ledger).context("added_tokens"));
  parts.vocabulary = TRY(make_vocabulary(collected.entries, parts.byte_level, ledger));
  if (type == "BPE") {
    parts.model = TRY(read_bpe(model, parts, ledger));
  } else if (type == "Unigram") {
    parts.model = TRY(read_unigram(model, collected, parts, ledger));
  } else if (type == "WordPiece" || type == "WordLevel") {
    parts.model = TRY(read_words(model, type == "WordLevel", parts));
  } else {
    return fail(ErrorId::unsupported_feature,
                fmt::format("a model of the type \"{}\"", printable(type)));
  }
  TRY(add_tokens(collected, parts, ledger));
  if (const auto json = present(root, "post_processor"))
    TRY(read_post_processor(*json, 0, parts).context("the post_processor"));
  find_end_ids(parts);
  return parts;
}

Status read_tokenizer_config(std::string_view text, Parts& parts, Ledger& ledger) {
  const JsonDocument document = TRY(JsonDocument::parse(text, ledger));
  const Json root = document.root();
  struct Named {
    std::string_view key;
    std::optional<int32_t> SpecialTokens::* id;
  };
  constexpr std::array kNamed{Named{"bos_token", &SpecialTokens::bos},
                              Named{"eos_token", &SpecialTokens::eos},
                              Named{"unk_token", &SpecialTokens::unknown},
                              Named{"pad_token", &SpecialTokens::padding},
                              Named{"sep_token", &SpecialTokens::separator},
                              Named{"cls_token", &SpecialTokens::classification},
                              Named{"mask_token", &SpecialTokens::mask}};
  for (const auto& [key, id] : kNamed) {
    const auto token = content_of(root, key);
    if (!token) continue;
    if (const int32_t found = parts.vocabulary->find_any(*token); found >= 0)
      parts.special.*id = found;
  }
  if (parts.before.empty() && parts.special.bos && TRY(flag(root, "add_bos_token", false)))
    parts.before.push_back(*parts.special.bos);
  if (parts.after.empty() && parts.special.eos && TRY(flag(root, "add_eos_token", false)))
    parts.after.push_back(*parts.special.eos);
  read_templates(root, parts);
  find_end_ids(parts);
  return ok();
}

}  // namespace hone::tokenizer
