// What turns a piece of text into ids: the model of a tokenizer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hone::tokenizer {

class FieldWriter;

// Memory that a model uses again from word to word.
struct Scratch {
  struct Symbol {
    uint32_t begin, end;  // in the word
    int32_t previous, next;
    int32_t id;
    uint32_t rank;   // of the merge with the next symbol
    int32_t merged;  // what that merge gives
    bool frozen = false;
  };
  struct Candidate {
    uint32_t rank;
    int32_t left;
  };
  struct Node {
    double score;
    int32_t id;
    uint32_t begin;
  };
  struct Parts {
    uint32_t begin, middle, end;  // in the word
  };
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
  std::vector<Node> nodes;
  std::vector<Parts> parts;
  std::string text;
};

class TokenModel {
 public:
  enum class Kind : uint8_t { bpe, score_bpe, unigram, wordpiece };
  virtual ~TokenModel() = default;
  virtual Kind kind() const = 0;
  // What read() of the class of this kind takes, beside the vocabulary.
  virtual Status store(FieldWriter& fields) const = 0;
  virtual std::string_view name() const = 0;
  // Appends the ids of a word of valid UTF-8.
  virtual void encode(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const = 0;
  // Appends the ids of bytes that are not UTF-8.
  virtual void encode_bytes(std::string_view bytes, std::vector<int32_t>& ids,
                            Scratch& scratch) const = 0;
  // Does no token span a word separator, so that encode() of a text is that of its words? The
  // separator begins words; runs of it stay together.
  virtual std::string_view separator() const { return {}; }
  // Pairs of ids in the order of their ranks, of models that merge by a list.
  virtual std::vector<std::pair<int32_t, int32_t>> merges() const { return {}; }
  virtual bool ignores_merges() const { return false; }  // of words that are tokens
  // Of all tokens: by the highest score of what they make, pairs merge as in this model; empty
  // where no scores say it.
  virtual std::vector<float> scores() const { return {}; }
};

}  // namespace hone::tokenizer
