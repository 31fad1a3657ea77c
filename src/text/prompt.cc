#include "text/prompt.h"

#include "text/tokenizer/parts.h"

namespace hone {

Result<Prompt> read_prompt(const Tokenizer& tokenizer, std::string_view text, bool parse_special) {
  Prompt prompt;
  prompt.tokens = TRY(tokenizer.encode(text, {.parse_special = parse_special}));
  const tokenizer::Parts& parts = tokenizer.parts();
  const bool has_text = prompt.tokens.size() > parts.before.size() + parts.after.size();
  if (!parse_special || !has_text || !tokenizer.adds_bos() || parts.before.size() != 1)
    return prompt;
  prompt.spells_bos = prompt.tokens[1] == *tokenizer.bos();
  if (prompt.spells_bos) prompt.tokens.erase(prompt.tokens.begin());
  return prompt;
}

}  // namespace hone
