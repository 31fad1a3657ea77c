// Tokenizers that come as bare vocabularies: vocab.json with merges.txt, vocab.txt.
#pragma once

#include <string_view>

#include "base/limits.h"
#include "formats/json.h"
#include "text/tokenizer/parts.h"

namespace hone::tokenizer {

// Byte-level BPE of GPT-2 and its relatives; with CLIP's way where tokens end in "</w>".
// `special`: spellings of special tokens beyond the usual ones.
Result<Parts> read_vocabulary_and_merges(Json vocabulary, std::string_view merges,
                                         const std::vector<std::string>& special, Ledger& ledger);
// WordPiece of BERT. `lowercase`: by the vocabulary where it is not given.
Result<Parts> read_word_pieces(std::string_view lines, std::optional<bool> lowercase,
                               Ledger& ledger);

}  // namespace hone::tokenizer
