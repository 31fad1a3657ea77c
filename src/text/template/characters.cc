#include "text/template/characters.h"

#include "base/text.h"

namespace hone::jinja {
namespace {

bool between(char32_t c, char32_t low, char32_t high) { return c >= low && c <= high; }

// Letters that alternate between capital and small ones. `even`: capitals have even code points.
bool alternates(char32_t c, bool& even) {
  even = true;
  if (between(c, 0x100, 0x12f) || between(c, 0x132, 0x137) || between(c, 0x14a, 0x177) ||
      between(c, 0x1e00, 0x1e95) || between(c, 0x460, 0x481) || between(c, 0x48a, 0x4bf) ||
      between(c, 0x4d0, 0x52f)) {
    return true;
  }
  even = false;
  return between(c, 0x139, 0x148) || between(c, 0x179, 0x17e) || between(c, 0x4c1, 0x4ce);
}

char32_t to_upper(char32_t c) {
  if (between(c, 'a', 'z')) return c - 32;
  if (c < 0x80) return c;
  if (c == 0xb5) return 0x39c;
  if (between(c, 0xe0, 0xfe) && c != 0xf7) return c - 32;
  if (c == 0xff) return 0x178;
  if (c == 0x131) return 'I';
  if (c == 0x17f) return 'S';
  if (c == 0x3ac) return 0x386;
  if (between(c, 0x3ad, 0x3af)) return c - 37;
  if (c == 0x3c2) return 0x3a3;
  if (between(c, 0x3b1, 0x3cb)) return c - 32;
  if (between(c, 0x430, 0x44f)) return c - 32;
  if (between(c, 0x450, 0x45f)) return c - 80;
  bool even = false;
  if (alternates(c, even) && (c % 2 == 0) != even) return c - 1;
  return c;
}

char32_t to_lower(char32_t c) {
  if (between(c, 'A', 'Z')) return c + 32;
  if (c < 0x80) return c;
  if (between(c, 0xc0, 0xde) && c != 0xd7) return c + 32;
  if (c == 0x178) return 0xff;
  if (c == 0x130) return 'i';
  if (c == 0x386) return 0x3ac;
  if (between(c, 0x388, 0x38a)) return c + 37;
  if (between(c, 0x391, 0x3ab) && c != 0x3a2) return c + 32;
  if (between(c, 0x410, 0x42f)) return c + 32;
  if (between(c, 0x400, 0x40f)) return c + 80;
  bool even = false;
  if (alternates(c, even) && (c % 2 == 0) == even) return c + 1;
  return c;
}

}  // namespace

bool is_space(char32_t c) {
  return between(c, 9, 13) || between(c, 28, 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         between(c, 0x2000, 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

bool is_digit(char32_t c) { return between(c, '0', '9'); }

bool is_upper(char32_t c) { return to_lower(c) != c; }

bool is_lower(char32_t c) { return to_upper(c) != c || c == 0xdf; }

bool is_letter(char32_t c) {
  if (c < 0x80) return between(c | 0x20, 'a', 'z');
  if (c < 0xc0) return c == 0xaa || c == 0xb5 || c == 0xba;
  if (c == 0xd7 || c == 0xf7 || is_space(c)) return false;
  return !between(c, 0x300, 0x36f) && !between(c, 0x2000, 0x206f) && !between(c, 0x20a0, 0x20ff) &&
         !between(c, 0x2190, 0x2bff) && !between(c, 0x3000, 0x3004) &&
         !between(c, 0x3008, 0x3020) && !between(c, 0xd800, 0xf8ff) &&
         !between(c, 0xff00, 0xff20) && !between(c, 0x1f000, 0x1faff) && c < 0xe0000;
}

void append_upper(std::string& out, char32_t c) {
  if (c == 0xdf) {
    out += "SS";
  } else {
    append_utf8(out, to_upper(c));
  }
}

void append_lower(std::string& out, char32_t c) {
  append_utf8(out, to_lower(c));
  if (c == 0x130) append_utf8(out, 0x307);
}

Character first_character(std::string_view text) {
  const CodePoint point = decode_utf8(text);
  if (point.length > 0) return {point.value, point.length};
  return {static_cast<unsigned char>(text[0]), 1};
}

Character last_character(std::string_view text) {
  for (size_t bytes = 1; bytes <= 4 && bytes <= text.size(); ++bytes) {
    const CodePoint point = decode_utf8(text.substr(text.size() - bytes));
    if (point.length == bytes) return {point.value, bytes};
  }
  return {static_cast<unsigned char>(text.back()), 1};
}

std::string_view strip_left(std::string_view text) {
  while (!text.empty()) {
    const Character c = first_character(text);
    if (!is_space(c.value)) break;
    text.remove_prefix(c.bytes);
  }
  return text;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    const Character c = last_character(text);
    if (!is_space(c.value)) break;
    text.remove_suffix(c.bytes);
  }
  return text;
}

}  // namespace hone::jinja
