// What a tokenizer is put together from.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer/added_tokens.h"
#include "text/tokenizer/decoder.h"
#include "text/tokenizer/model.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/pre_tokenizer.h"
#include "text/tokenizer/tokenizer.h"
#include "text/tokenizer/vocabulary.h"

namespace hone::tokenizer {

struct Parts {
  std::shared_ptr<const Vocabulary> vocabulary;
  bool byte_level = false;  // tokens are spelled by the table of byte_level.h, and kept as bytes
  AddedTokens added;
  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> pre_tokenizers;
  std::unique_ptr<const TokenModel> model;
  bool fuse_unknown = false;           // unknown tokens in a row are one
  std::vector<int32_t> before, after;  // put around a text
  Decoder decoder;
  SpecialTokens special;
  std::vector<int32_t> end_ids;     // in ascending order
  std::vector<uint8_t> is_special;  // by id; ids behind its end are not
  std::string pre_name;
  std::vector<std::string> warnings;
  std::vector<std::pair<std::string, std::string>> chat_templates;
};

// The byte that "<0x41>" stands for; none for other tokens.
std::optional<uint8_t> byte_of(std::string_view token);

}  // namespace hone::tokenizer
