// Byte pair encoding of SentencePiece: of neighbours whose text is a token, the highest score
// first.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "text/tokenizer/longest_match.h"
#include "text/tokenizer/model.h"
#include "text/tokenizer/vocabulary.h"

namespace hone::tokenizer {

class FieldReader;

class ScoreBpe : public TokenModel {
 public:
  struct Options {
    std::array<int32_t, 256> bytes{};  // ids of byte tokens, -1 where there is none
    int32_t unknown = -1;
    bool byte_fallback = true;
    std::vector<uint8_t> unused;  // by id: tokens that are taken apart again; or empty
    LongestMatch whole;           // texts that stay whole
  };
  // A score for each token. Fails on scores that are no numbers.
  static Result<std::unique_ptr<ScoreBpe>> make(std::shared_ptr<const Vocabulary> vocabulary,
                                                std::vector<float> scores, Options options,
                                                Ledger& ledger);
  // What store() writes.
  static Result<std::unique_ptr<const TokenModel>> read(
      FieldReader& fields, std::shared_ptr<const Vocabulary> vocabulary);
  Kind kind() const override { return Kind::score_bpe; }
  Status store(FieldWriter& fields) const override;
  std::string_view name() const override { return "SentencePiece BPE"; }
  void encode(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const override;
  void encode_bytes(std::string_view bytes, std::vector<int32_t>& ids,
                    Scratch& scratch) const override;
  std::string_view separator() const override { return separable_ ? "\xe2\x96\x81" : ""; }
  std::vector<float> scores() const override;

 private:
  void start(std::string_view word, Scratch& scratch) const;
  void rank(std::string_view word, int32_t left, Scratch& scratch) const;
  void emit(std::string_view word, std::string_view piece, std::vector<int32_t>& ids,
            Scratch& scratch) const;
  void take_apart(std::string_view word, std::string_view piece, std::vector<int32_t>& ids,
                  Scratch& scratch) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  std::vector<uint32_t> ranks_;  // of a token: 0 for the highest score; equal scores share one
  Options options_;
  bool separable_ = false;
};

}  // namespace hone::tokenizer
