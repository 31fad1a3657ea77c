// WordPiece, as BERT uses it: from the left, the longest token each time; and whole words alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer/model.h"
#include "text/tokenizer/vocabulary.h"

namespace hone::tokenizer {

class FieldReader;

class WordPiece : public TokenModel {
 public:
  struct Options {
    int32_t unknown = -1;
    std::string first_prefix;   // of tokens that begin a word
    std::string prefix = "##";  // of tokens that continue one
    size_t longest_word = 100;  // characters; longer words are unknown
    bool whole_words = false;   // a word is a token or unknown
  };
  WordPiece(std::shared_ptr<const Vocabulary> vocabulary, Options options)
      : vocabulary_(std::move(vocabulary)), options_(std::move(options)) {}
  // What store() writes.
  static Result<std::unique_ptr<const TokenModel>> read(
      FieldReader& fields, std::shared_ptr<const Vocabulary> vocabulary);
  Kind kind() const override { return Kind::wordpiece; }
  Status store(FieldWriter& fields) const override;
  std::string_view name() const override { return options_.whole_words ? "words" : "WordPiece"; }
  void encode(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const override;
  void encode_bytes(std::string_view bytes, std::vector<int32_t>& ids,
                    Scratch& scratch) const override;

 private:
  void unknown(std::vector<int32_t>& ids) const {
    if (options_.unknown >= 0) ids.push_back(options_.unknown);
  }
  std::shared_ptr<const Vocabulary> vocabulary_;
  Options options_;
};

}  // namespace hone::tokenizer
