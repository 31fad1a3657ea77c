// Byte pair encoding by ranked merges, over bytes or over characters.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer/merge_table.h"
#include "text/tokenizer/model.h"
#include "text/tokenizer/vocabulary.h"

namespace hone::tokenizer {

class FieldReader;

struct BpeOptions {
  bool byte_level = false;     // symbols are bytes, else characters
  bool ignore_merges = false;  // a word that is a token is taken as it is
  bool byte_fallback = false;  // characters without a token become tokens of their bytes
  bool fuse_unknown = false;   // of unknown characters in a row, one token
  int32_t unknown = -1;
  std::string prefix;  // of tokens that continue a word
  std::string suffix;  // of tokens that end a word
};

class Bpe : public TokenModel {
 public:
  // `bytes`: the ids of tokens for single bytes, -1 where there is none.
  static Result<std::unique_ptr<Bpe>> make(std::shared_ptr<const Vocabulary> vocabulary,
                                           MergeTable merges, BpeOptions options,
                                           const std::array<int32_t, 256>& bytes, bool separable);
  // What store() writes.
  static Result<std::unique_ptr<const TokenModel>> read(
      FieldReader& fields, std::shared_ptr<const Vocabulary> vocabulary, bool byte_level);
  Kind kind() const override { return Kind::bpe; }
  Status store(FieldWriter& fields) const override;
  std::string_view name() const override { return options_.byte_level ? "byte-level BPE" : "BPE"; }
  void encode(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const override;
  void encode_bytes(std::string_view bytes, std::vector<int32_t>& ids,
                    Scratch& scratch) const override;
  std::string_view separator() const override { return separable_ ? "\xe2\x96\x81" : ""; }
  std::vector<std::pair<int32_t, int32_t>> merges() const override;
  bool ignores_merges() const override { return options_.ignore_merges; }
  std::vector<float> scores() const override;

 private:
  void start(std::string_view word, Scratch& scratch) const;
  void start_character(std::string_view word, size_t at, size_t end, Scratch& scratch) const;
  void push(int32_t id, size_t begin, size_t end, Scratch& scratch) const;
  void merge_few(Scratch& scratch, std::vector<int32_t>& ids) const;
  void merge_many(Scratch& scratch, std::vector<int32_t>& ids) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  MergeTable merges_;
  BpeOptions options_;
  std::array<int32_t, 256> bytes_{};       // ids of single bytes
  std::array<int32_t, 256> last_bytes_{};  // at the end of a word, with the suffix
  bool separable_ = false;
};

}  // namespace hone::tokenizer
