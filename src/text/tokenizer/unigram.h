// Unigram language model: of all ways to split a text into tokens, the one with the best scores.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "text/tokenizer/longest_match.h"
#include "text/tokenizer/model.h"
#include "text/tokenizer/vocabulary.h"

namespace hone::tokenizer {

class FieldReader;

class Unigram : public TokenModel {
 public:
  struct Options {
    int32_t unknown = -1;
    bool byte_fallback = false;
    std::array<int32_t, 256> bytes{};
    bool single_precision = false;  // sums of scores as SentencePiece rounds them
    std::vector<uint8_t> favoured;  // by id: tokens that win over all others; or empty
  };
  static Result<std::unique_ptr<Unigram>> make(std::shared_ptr<const Vocabulary> vocabulary,
                                               std::vector<double> scores, Options options,
                                               Ledger& ledger);
  // What store() writes.
  static Result<std::unique_ptr<const TokenModel>> read(
      FieldReader& fields, std::shared_ptr<const Vocabulary> vocabulary);
  Kind kind() const override { return Kind::unigram; }
  Status store(FieldWriter& fields) const override;
  std::string_view name() const override { return "Unigram"; }
  void encode(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const override;
  void encode_bytes(std::string_view bytes, std::vector<int32_t>& ids,
                    Scratch& scratch) const override;

 private:
  void emit_unknown(std::string_view text, std::vector<int32_t>& ids) const;

  // Nodes of a trie over bytes, children found by a hash of node and byte.
  struct Edge {
    uint32_t key_node = UINT32_MAX;
    uint32_t byte = 0;
    uint32_t node = 0;
    int32_t token = -1;
  };
  uint32_t place(uint32_t node, unsigned char byte) const {
    size_t at = hash_(uint64_t{node} << 8 | byte) & mask_;
    while (edges_[at].key_node != UINT32_MAX &&
           (edges_[at].key_node != node || edges_[at].byte != byte))
      at = (at + 1) & mask_;
    return static_cast<uint32_t>(at);
  }
  Status build(Ledger& ledger);

  std::shared_ptr<const Vocabulary> vocabulary_;
  std::vector<double> scores_;
  Options options_;
  KeyedHash hash_;
  std::vector<Edge> edges_;
  size_t mask_ = 0;
  double unknown_score_ = 0, favoured_score_ = 0;
};

}  // namespace hone::tokenizer
