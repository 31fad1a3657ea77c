// tokenizer.json of Hugging Face, with the files that lie beside it.
#pragma once

#include <string_view>

#include "base/limits.h"
#include "formats/json.h"
#include "text/tokenizer/parts.h"

namespace hone::tokenizer {

// The root of tokenizer.json. What is read does not need the document any more.
Result<Parts> read_tokenizer_json(Json root, Ledger& ledger);
// Names of special tokens and chat templates from tokenizer_config.json or special_tokens_map.json.
Status read_tokenizer_config(std::string_view text, Parts& parts, Ledger& ledger);

// Its components, each in a file of its own.
Result<std::vector<Normalizer>> read_normalizer(Json json, Ledger& ledger);
struct PreTokenizers {
  std::vector<PreTokenizer> steps;
  bool byte_level = false;
};
Result<PreTokenizers> read_pre_tokenizer(Json json);
Result<Decoder> read_decoder(Json json, std::vector<std::string>& warnings);

// {"type": NAME, …} with defaults.
Result<std::string_view> type_of(Json json);
Result<bool> flag(Json json, std::string_view key, bool fallback);
Result<std::string> text(Json json, std::string_view key, std::string_view fallback);
// {"String": …} or {"Regex": …}.
struct PatternText {
  std::string_view text;
  bool regex;
};
Result<PatternText> pattern_text(Json json);

}  // namespace hone::tokenizer
