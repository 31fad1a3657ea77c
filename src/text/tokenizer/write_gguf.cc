// What GGUF files say of a tokenizer is less than what a tokenizer can be: what is written is read
// again and compared.
#include "text/tokenizer/write_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "text/tokenizer/build.h"
#include "text/tokenizer/parts.h"
#include "text/tokenizer/read.h"
#include "text/tokenizer/words.h"

namespace hone {
namespace tokenizer {
namespace {

enum Type : int32_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

std::string key(std::string_view name) { return "tokenizer.ggml." + std::string(name); }

class Writer {
 public:
  Writer(const Tokenizer& tokenizer, const Parts& parts, int64_t vocabulary, GgufMetadata& to)
      : tokenizer_(tokenizer),
        parts_(parts),
        size_(std::max<int64_t>(vocabulary, tokenizer.token_count())),
        to_(to) {}

  // False where the keys have no place for such a tokenizer.
  Result<bool> write() {
    if (parts_.byte_level ? !put_byte_pairs() : !put_scores()) return false;
    put_tokens();
    put_special();
    return true;
  }

  void put_templates() {
    for (const auto& [name, text] : parts_.chat_templates)
      to_.set("tokenizer.chat_template" + (name == "default" ? "" : '.' + name), text);
  }

  void put_special() {
    const SpecialTokens& s = parts_.special;
    // Of no token, where readers would take a usual one.
    constexpr uint32_t kNone = UINT32_MAX;
    const auto put = [&](std::string_view name, std::optional<int32_t> id, bool always) {
      if (id || always) to_.set(key(name), id ? uint32_t(*id) : kNone);
    };
    put("bos_token_id", s.bos, !parts_.byte_level);
    put("eos_token_id", s.eos, !parts_.byte_level);
    put("unknown_token_id", s.unknown, !parts_.byte_level);
    put("eot_token_id", s.end_of_turn, false);
    put("padding_token_id", s.padding, false);
    put("seperator_token_id", s.separator, false);  // spelled so by all who read it
    put("cls_token_id", s.classification, false);
    put("mask_token_id", s.mask, false);
    to_.set(key("add_bos_token"), parts_.before.size() == 1 && s.bos == parts_.before[0]);
    to_.set(key("add_eos_token"), parts_.after.size() == 1 && s.eos == parts_.after[0]);
    to_.set(key("add_sep_token"), false);
  }

 private:
  bool put_byte_pairs() {
    // Of normalizers there is none but the normal form, which the names of splits stand for.
    const auto is_form = [](const Normalizer& n) { return n.kind == Normalizer::Kind::form; };
    if (!std::ranges::all_of(parts_.normalizers, is_form)) return false;
    std::string_view pre =
        pre_tokenizer_name(parts_.pre_tokenizers, parts_.model->ignores_merges());
    // Where nothing is merged it does not matter how words are split.
    if (pre.empty() && parts_.pre_tokenizers.empty() && parts_.model->merges().empty())
      pre = "gpt-2";
    if (pre.empty() || parts_.model->name() != "byte-level BPE") return false;
    to_.set(key("model"), "gpt2");
    to_.set(key("pre"), pre);
    std::vector<std::string> lines;
    for (const auto& [left, right] : parts_.model->merges())
      lines.push_back(tokenizer_.token(left) + ' ' + tokenizer_.token(right));
    to_.set(key("merges"), std::span<const std::string>(lines));
    return true;
  }

  // Pairs of pieces merged by the score of what they make.
  bool put_scores() {
    const auto scores = parts_.model->scores();
    if (scores.empty() || parts_.model->name() == "Unigram") return false;
    to_.set(key("model"), "llama");
    to_.set(key("pre"), "default");
    std::vector<float> all(scores.begin(), scores.end());
    all.resize(size_t(size_), all.empty() ? 0.0f : *std::ranges::min_element(all));
    to_.set(key("scores"), std::span<const float>(all));
    const auto ids = tokenizer_.encode("x", {.add_special = false, .parse_special = false});
    const bool prefix = ids && !ids->empty() && tokenizer_.token((*ids)[0]).starts_with(kSpaceMark);
    to_.set(key("add_space_prefix"), prefix);
    return true;
  }

  int32_t type_of(int32_t id) const {
    if (parts_.special.unknown == id && !parts_.byte_level) return kUnknown;
    if (tokenizer_.is_special(id)) return kControl;
    if (!parts_.byte_level && byte_of(tokenizer_.token(id))) return kByte;
    return is_added_[size_t(id)] ? kUserDefined : kNormal;
  }

  void put_tokens() {
    is_added_.assign(size_t(size_), false);
    for (const AddedToken& token : parts_.added.tokens()) is_added_[size_t(token.id)] = true;
    std::vector<std::string> tokens;
    std::vector<int32_t> types;
    for (int32_t id = 0; id < size_; ++id) {
      tokens.push_back(tokenizer_.token(id));
      types.push_back(tokens.back().empty() ? int32_t{kUnused} : type_of(id));
      // Models have more rows than tokens where that suits machines.
      if (tokens.back().empty()) tokens.back() = fmt::format("[PAD{}]", id);
    }
    to_.set(key("tokens"), std::span<const std::string>(tokens));
    to_.set(key("token_type"), std::span<const int32_t>(types));
  }

  const Tokenizer& tokenizer_;
  const Parts& parts_;
  int64_t size_;
  GgufMetadata& to_;
  std::vector<bool> is_added_;
};

// Texts of all kinds: letters, marks, numbers, spaces, signs, scripts, what tokens spell.
std::vector<std::string> sample_texts(const Tokenizer& tokenizer, int64_t vocabulary) {
  std::vector<std::string> texts{
      "",
      " ",
      "Hello, world!",
      "  two  spaces   three\ttab\n\nlines \n end  ",
      "It's we'll I'D they're o'clock don't",
      "0 12 345 6789 12345678 3.14 1,000,000",
      "int main() { return a[i] += b->c != NULL ? ~0x1F : 1e-5; } // done",
      "caf\xc3\xa9 na\xc3\xafve \xc3\x9c\x62\x65r stra\xc3\x9f\x65 \xc5\x81\xc3\xb3\x64\xc5\xba",
      "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c\xe3\x80\x82 "
      "\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab\xe3\x81\xa1\xe3\x81\xaf \xed\x95\x9c\xea\xb5\xad",
      "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7 "
      "\xf0\x9f\x98\x80\xf0\x9f\x91\x8d \xe2\x82\xac\xe2\x80\x94\xe2\x80\xa6",
      "<s> text </s> <|endoftext|> <unk>",
      "ALL CAPS CamelCase snake_case kebab-case http://a.example/b?c=d#e",
  };
  // Tokens one after another, from all of the vocabulary.
  constexpr int32_t kMost = 20000, kTogether = 50;
  const auto size = int32_t(std::min<int64_t>(tokenizer.token_count(), vocabulary));
  const int32_t step = std::max(1, size / kMost);
  std::vector<int32_t> ids;
  for (int32_t id = 0; id < size; id += step) {
    if (!tokenizer.is_special(id) && is_utf8(tokenizer.piece(id))) ids.push_back(id);
    if (int32_t(ids.size()) < kTogether && id + step < size) continue;
    texts.push_back(tokenizer.decode(ids));
    ids.clear();
  }
  return texts;
}

// What a reader of the file would find.
Gguf view_of(const GgufMetadata& metadata) {
  Gguf file;
  for (const auto& [name, value] : metadata.pairs()) {
    file.keys.emplace(name, file.metadata.size());
    file.metadata.emplace_back(name, value);
  }
  return file;
}

// A text on which what was written differs from the original; none where they are the same.
Result<std::optional<std::string>> differing(const Tokenizer& a, const GgufMetadata& written,
                                             int64_t vocabulary, const Limits& limits) {
  Ledger ledger(limits);
  const Gguf file = view_of(written);
  const Tokenizer b = TRY(read_tokenizer(file, ledger));
  // How text goes on behind special tokens is a convention of who reads such files.
  for (std::string& text : sample_texts(a, vocabulary)) {
    const EncodeOptions options{.add_special = true, .parse_special = false};
    const auto wanted = TRY(a.encode(text, options));
    if (TRY(b.encode(text, options)) != wanted || b.decode(wanted) != a.decode(wanted))
      return std::optional(std::move(text));
  }
  for (int32_t id = 0; id < vocabulary && id < a.token_count(); ++id) {
    std::string text = a.token(id);
    if (!a.is_special(id) || text.empty()) continue;
    if (TRY(b.encode(text, {.add_special = false})) != TRY(a.encode(text, {.add_special = false})))
      return std::optional(std::move(text));
  }
  return std::optional<std::string>();
}

}  // namespace
}  // namespace tokenizer

Status write_tokenizer(const Tokenizer& tokenizer, int64_t vocabulary, std::string_view json,
                       const Limits& limits, GgufMetadata& to, std::vector<std::string>& warnings) {
  const tokenizer::Parts& parts = *tokenizer.parts_;
  GgufMetadata made;
  tokenizer::Writer writer(tokenizer, parts, vocabulary, made);
  std::optional<std::string> text;
  const bool written = TRY(writer.write());
  if (written) text = TRY(tokenizer::differing(tokenizer, made, vocabulary, limits));
  if (!written || text) {
    if (json.empty()) {
      std::string what =
          fmt::format("GGUF files cannot say what this tokenizer ({}) does", tokenizer.model());
      if (text) what += fmt::format(", as with the text \"{}\"", printable(*text));
      Error error = fail(ErrorId::unsupported_feature, std::move(what));
      error.hint = "write a .hone file";
      return error;
    }
    made = GgufMetadata();
    made.set("tokenizer.huggingface.json", json);
    tokenizer::Writer(tokenizer, parts, vocabulary, made).put_special();
    warnings.push_back(
        "GGUF files cannot say what this tokenizer does: its tokenizer.json goes in as a whole, "
        "which other programs may not read.");
  }
  tokenizer::Writer(tokenizer, parts, vocabulary, made).put_templates();
  to.add(made);
  return ok();
}

}  // namespace hone
