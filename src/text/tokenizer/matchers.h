// Hand-written forms of the expressions that most byte-level tokenizers split words with.
#pragma once

#include <cstddef>
#include <string_view>

namespace hone::tokenizer {

// The end of the word that begins at `at`: these expressions match everywhere, so that words follow
// one another. The text is valid UTF-8, `at` is before its end.
using WordEnd = size_t (*)(std::string_view text, size_t at);

// Null where the expression is none of those known here.
WordEnd word_end(std::string_view expression);
// One that gives it; empty of null.
std::string_view expression_of(WordEnd end);

}  // namespace hone::tokenizer
