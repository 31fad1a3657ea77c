// What tokenizers ask of Unicode: classes of characters, normal forms, lower case, graphemes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::tokenizer {

// What the expressions of pre-tokenizers tell apart: \p{L}, \p{N}, White_Space, and the rest.
enum class CharClass : uint8_t { other, letter, number, space };

inline constexpr char32_t kInvalid = 0x110000;  // stands for a byte that begins no character

struct Decoded {
  char32_t value;
  uint32_t length;
};
// The character at `at` of valid UTF-8; a byte that begins none has the length 1 and kInvalid.
inline Decoded decode_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char c = byte(0);
  const size_t left = text.size() - at;
  if (c < 0x80) return {c, 1};
  if (c >= 0xc2 && c < 0xe0 && left >= 2) return {char32_t((c & 31) << 6 | (byte(1) & 63)), 2};
  if (c >= 0xe0 && c < 0xf0 && left >= 3)
    return {char32_t((c & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63)), 3};
  if (c >= 0xf0 && c < 0xf5 && left >= 4) {
    return {char32_t((c & 7) << 18 | (byte(1) & 63) << 12 | (byte(2) & 63) << 6 | (byte(3) & 63)),
            4};
  }
  return {kInvalid, 1};
}
inline size_t char_length(std::string_view text, size_t at) { return decode_at(text, at).length; }

CharClass slow_class(char32_t c);
// ASCII is looked up.
inline CharClass char_class(char32_t c) {
  if (c >= 0x80) return slow_class(c);
  if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') return CharClass::letter;
  if (c >= '0' && c <= '9') return CharClass::number;
  if (c == ' ' || (c >= '\t' && c <= '\r')) return CharClass::space;
  return CharClass::other;
}
inline bool is_space(char32_t c) { return char_class(c) == CharClass::space; }

bool is_punctuation(char32_t c);      // general category P
bool is_control(char32_t c);          // general category C
bool is_mark(char32_t c);             // general category M
bool is_nonspacing_mark(char32_t c);  // general category Mn
char32_t lower(char32_t c);           // one to one; U+0130 is up to the caller

void append(std::string& out, char32_t c);

enum class NormalForm : uint8_t { nfc, nfd, nfkc, nfkd };
// Of valid UTF-8. Fails where memory ends.
Status normalize(std::string_view text, NormalForm form, std::string& out);

// End of the extended grapheme cluster (UAX 29) that begins at `at`.
size_t grapheme_end(std::string_view text, size_t at);

}  // namespace hone::tokenizer
