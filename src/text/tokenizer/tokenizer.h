// Tokenizers of language models: text to token ids and back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hone {

class GgufMetadata;
struct Limits;

namespace tokenizer {
struct Parts;
class DecoderState;
}  // namespace tokenizer

struct EncodeOptions {
  // Puts in what the model expects around a text: bos and eos, or the template of the tokenizer.
  bool add_special = true;
  // Special tokens that the text spells become tokens; otherwise they are text like any other. For
  // text of users, who could end their turn with them, this has to be off.
  bool parse_special = true;
};

// A part of a text. Special tokens are recognized inside trusted parts only, wholly in one of them.
struct MarkedText {
  std::string_view text;
  bool trusted = false;
};

// The ids that have a name, where the tokenizer has such tokens.
struct SpecialTokens {
  std::optional<int32_t> bos, eos, end_of_turn, unknown, padding, separator, classification, mask;
};

// Immutable; copies share what was read, and may be used by several threads.
class Tokenizer {
 public:
  explicit Tokenizer(std::shared_ptr<const tokenizer::Parts> parts) : parts_(std::move(parts)) {}

  // Any bytes are taken: those that are not UTF-8 become byte tokens where the tokenizer has them,
  // and unknown tokens elsewhere. Fails on texts of more than 512 MiB, and where an expression of
  // the tokenizer exceeds its limits.
  Result<std::vector<int32_t>> encode(std::string_view text,
                                      const EncodeOptions& options = {}) const;
  // As one text, whose parts differ in which tokens they may spell. parse_special holds for trusted
  // parts.
  Result<std::vector<int32_t>> encode(std::span<const MarkedText> parts,
                                      const EncodeOptions& options = {}) const;

  // The bytes of a text; ids outside the vocabulary are left out. Tokens of incomplete characters
  // give incomplete UTF-8.
  std::string decode(std::span<const int32_t> ids, bool skip_special = true) const;

  int32_t token_count() const;  // ids are below
  // The token as the vocabulary spells it ("Ġthe", "▁the"); empty outside the vocabulary.
  std::string token(int32_t id) const;
  // The bytes that it stands for in the middle of a text (" the").
  std::string piece(int32_t id) const;
  // By the spelling of the vocabulary.
  std::optional<int32_t> find(std::string_view token) const;

  const SpecialTokens& special() const;
  std::optional<int32_t> bos() const { return special().bos; }
  std::optional<int32_t> eos() const { return special().eos; }
  // Is it left out of decoded text, and recognized in trusted text only?
  bool is_special(int32_t id) const;
  // Ids that end what a model generates: of the sequence, of the turn; in ascending order.
  std::span<const int32_t> end_ids() const;
  bool ends_generation(int32_t id) const;
  // Does encode() begin with bos where add_special is set?
  bool adds_bos() const;

  std::string_view model() const;          // "byte-level BPE"
  std::string_view pre_tokenizer() const;  // the name in the file, or empty
  // What was not understood and guessed, for the user: one sentence each.
  std::span<const std::string> warnings() const;
  // Chat templates that came with the tokenizer, by name; the main one is called "default".
  std::span<const std::pair<std::string, std::string>> chat_templates() const;

  const tokenizer::Parts& parts() const { return *parts_; }

 private:
  friend class StreamDecoder;
  friend Status write_tokenizer(const Tokenizer&, int64_t, std::string_view, const Limits&,
                                GgufMetadata&, std::vector<std::string>&);
  std::shared_ptr<const tokenizer::Parts> parts_;
};

// Text as tokens come. What it gives never ends inside of a UTF-8 character that the next tokens
// could complete.
class StreamDecoder {
 public:
  // `continues`: the tokens go on after others, so that a space before the first word stays.
  explicit StreamDecoder(Tokenizer tokenizer, bool skip_special = true, bool continues = false);
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;
  ~StreamDecoder();

  std::string next(int32_t id);
  std::string finish();  // what is left; the next token starts anew

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  std::unique_ptr<tokenizer::DecoderState> state_;
};

}  // namespace hone
