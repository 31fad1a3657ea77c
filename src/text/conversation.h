// Messages to the tokens that a model reads, by its chat template or one that stands in for it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/chat.h"
#include "text/tokenizer/tokenizer.h"

namespace hone {

struct ChosenTemplate {
  std::string source;
  std::vector<std::string> stops;  // what ends the model's turn besides its end token
  std::string stand_in;  // the name of what stands in for a template; "" where there is one
};
// The model's own template, the one called "default".
ChosenTemplate template_of(const Tokenizer& tokenizer);

// Sets bos and eos of the chat. The time that templates tell is the local one of now.
Result<std::vector<int32_t>> tokens_of(Chat chat, const jinja::Template& chat_template,
                                       const Tokenizer& tokenizer);

}  // namespace hone
