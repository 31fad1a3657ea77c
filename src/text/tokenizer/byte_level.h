// The table of GPT-2 that spells every byte as a printable character.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hone::tokenizer {

// "Ġthe" to " the"; none where a character stands for no byte.
std::optional<std::string> bytes_of_spelling(std::string_view token);
// Appends the bytes; false, and some of them, where a character stands for none.
bool append_bytes_of_spelling(std::string_view token, std::string& bytes);
// " the" to "Ġthe".
std::string spelling_of_bytes(std::string_view bytes);

}  // namespace hone::tokenizer
