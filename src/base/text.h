// Text helpers: numbers that read back exactly, names that are safe to print.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hone {

// Shortest text that reads back as the same number; always holds '.', 'e', "inf" or "nan".
std::string exact(float value);
std::string exact(double value);

// "1.5 MB", "312 B": decimal units, three significant digits.
std::string human_bytes(uint64_t bytes);
// "1.24 G", "530": decimal prefixes, three significant digits.
std::string human_count(double count);
// "3.21 ms", "45 us".
std::string human_seconds(double seconds);
// "10MB", "1.5GiB", "4096", "64k" -> bytes, rounded down. Units without `i` are decimal, their case
// does not matter.
std::optional<uint64_t> parse_bytes(std::string_view text);

// Valid UTF-8? Surrogates, overlong forms and values above U+10FFFF are not.
bool is_utf8(std::string_view text);
// Length of the longest valid UTF-8 prefix: the byte offset of the first fault.
size_t utf8_prefix(std::string_view text);
// One code point at the start of `text` and its length; length 0 when the bytes are not valid.
struct CodePoint {
  char32_t value;
  size_t length;
};
CodePoint decode_utf8(std::string_view text);
// Appends a code point, which must be a Unicode scalar value.
void append_utf8(std::string& out, char32_t code);
// Control, escape, line-separating or bidirectional: could move the cursor or reorder a terminal
// line.
bool is_unprintable(char32_t code);
// Printable form of a name from a file: control, escape and bidirectional characters and invalid
// UTF-8 as \xNN, cut at 256 bytes.
std::string printable(std::string_view name);
// "text" as a quoted literal with \n \t \" \\ \xNN escapes that unquote() reads back exactly.
std::string quote(std::string_view text);
// Inverse of quote() for the part between the quotes; none when malformed.
std::optional<std::string> unquote(std::string_view inside);
// The closest of the candidates within a small edit distance, for "did you mean".
std::optional<std::string_view> closest(std::string_view word, const std::string_view* candidates,
                                        size_t count);

}  // namespace hone
