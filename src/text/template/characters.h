// What templates ask of characters. Case and classes beyond ASCII cover Latin, Greek and Cyrillic.
#pragma once

#include <string>
#include <string_view>

namespace hone::jinja {

bool is_space(char32_t c);  // as Python's str.isspace
bool is_letter(char32_t c);
bool is_digit(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
// Appends the character in the other case; "ß" becomes "SS".
void append_upper(std::string& out, char32_t c);
void append_lower(std::string& out, char32_t c);

// The code point at the beginning of `text`; a byte that is not UTF-8 counts as itself.
struct Character {
  char32_t value;
  size_t bytes;
};
Character first_character(std::string_view text);
// The code point that ends at the end of `text`, which is not empty.
Character last_character(std::string_view text);

// Without white space at the end or the beginning.
std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);
inline std::string_view strip(std::string_view text) { return strip_left(strip_right(text)); }

}  // namespace hone::jinja
