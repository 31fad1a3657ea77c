// Prompts to the tokens that a model reads.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/tokenizer.h"

namespace hone {

struct Prompt {
  std::vector<int32_t> tokens;
  // It spells the token that begins texts itself, which the tokenizer then does not put before it.
  bool spells_bos = false;
};

// With what the model expects around a text. `parse_special`: special tokens that the prompt spells
// are meant.
Result<Prompt> read_prompt(const Tokenizer& tokenizer, std::string_view text, bool parse_special);

}  // namespace hone
