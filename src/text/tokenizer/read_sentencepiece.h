// tokenizer.model of SentencePiece: a ModelProto in the protobuf wire format.
#pragma once

#include <cstddef>
#include <span>

#include "base/limits.h"
#include "text/tokenizer/parts.h"

namespace hone::tokenizer {

Result<Parts> read_sentencepiece(std::span<const std::byte> file, Ledger& ledger);

// What a vocabulary with scores needs, from SentencePiece or from GGUF.
struct ScoredVocabulary {
  enum class Type : uint8_t {
    normal = 1,
    unknown = 2,
    control = 3,
    user_defined = 4,
    unused = 5,
    byte = 6
  };
  std::vector<std::string_view> tokens;
  std::vector<float> scores;
  std::vector<Type> types;
};
// Vocabulary, special ids and added tokens of control and, where `cut_user_defined` is set, of
// user-defined tokens.
Status put_vocabulary(const ScoredVocabulary& scored, bool cut_user_defined, Parts& parts,
                      Ledger& ledger);

}  // namespace hone::tokenizer
