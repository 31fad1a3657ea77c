// Word by word what the expressions match, with alternatives in their order; proven equal to PCRE2
// by tests.
#include "text/tokenizer/matchers.h"

#include <array>
#include <cstdint>

#include "text/tokenizer/unicode.h"

namespace hone::tokenizer {
namespace {

struct At {
  CharClass kind;
  char32_t value;
  size_t end;
};

At look(std::string_view text, size_t at) {
  const auto [value, length] = decode_at(text, at);
  return {char_class(value), value, at + length};
}

// The end of the characters of one class.
size_t run_end(std::string_view text, size_t at, CharClass kind) {
  while (at < text.size()) {
    const At next = look(text, at);
    if (next.kind != kind) break;
    at = next.end;
  }
  return at;
}

// 's 't 're 've 'm 'll 'd, behind the apostrophe at `at`; `at` when there is none.
template <bool kAnyCase>
size_t contraction_end(std::string_view text, size_t at) {
  const auto letter = [&](size_t i) -> char32_t {
    if (i >= text.size()) return 0;
    const auto c = static_cast<unsigned char>(text[i]);
    if constexpr (kAnyCase) {
      if (c >= 'A' && c <= 'Z') return c | 0x20;
    }
    return c;
  };
  switch (letter(at + 1)) {
    case 's':
    case 't':
    case 'm':
    case 'd': return at + 2;
    case 'r':
    case 'v': return letter(at + 2) == 'e' ? at + 3 : at;
    case 'l': return letter(at + 2) == 'l' ? at + 3 : at;
    default: break;
  }
  // The long s is an s in any case.
  if (kAnyCase && text.substr(at + 1).starts_with("\xc5\xbf")) return at + 3;
  return at;
}

bool is_line_end(char32_t c) { return c == '\n' || c == '\r'; }

// \s+(?!\S)|\s+ with the first space at `at`: all spaces at the end of the text, elsewhere all but
// the last one.
size_t spaces_end(std::string_view text, size_t at) {
  size_t last = at, end = at;
  while (end < text.size()) {
    const At next = look(text, end);
    if (next.kind != CharClass::space) break;
    last = end;
    end = next.end;
  }
  return end == text.size() || last == at ? end : last;
}

// '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t gpt2(std::string_view text, size_t at) {
  if (text[at] == '\'') {
    if (const size_t end = contraction_end<false>(text, at); end > at) return end;
  }
  At first = look(text, at);
  if (first.value == ' ' && first.end < text.size()) {
    const At next = look(text, first.end);
    if (next.kind != CharClass::space) first = next;
  }
  if (first.kind == CharClass::space) return spaces_end(text, at);
  return run_end(text, first.end, first.kind);
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,kDigits}
// | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
template <int kDigits>
size_t llama3(std::string_view text, size_t at) {
  if (text[at] == '\'') {
    if (const size_t end = contraction_end<true>(text, at); end > at) return end;
  }
  const At first = look(text, at);
  if (first.kind == CharClass::letter) return run_end(text, first.end, CharClass::letter);
  if (first.kind == CharClass::number) {
    size_t end = first.end;
    for (int more = 1; more < kDigits && end < text.size(); ++more) {
      const At next = look(text, end);
      if (next.kind != CharClass::number) break;
      end = next.end;
    }
    return end;
  }
  const bool more = first.end < text.size();
  const At next = more ? look(text, first.end) : At{CharClass::space, 0, first.end};
  if (more && !is_line_end(first.value) && next.kind == CharClass::letter)
    return run_end(text, next.end, CharClass::letter);
  if (first.kind == CharClass::other || (first.value == ' ' && next.kind == CharClass::other)) {
    size_t end = run_end(text, first.end, CharClass::other);
    while (end < text.size() && is_line_end(static_cast<unsigned char>(text[end]))) ++end;
    return end;
  }
  // Spaces: up to their last end of a line, where they have one.
  size_t line = at;
  for (size_t i = at; i < text.size();) {
    const At space = look(text, i);
    if (space.kind != CharClass::space) break;
    i = space.end;
    if (is_line_end(space.value)) line = i;
  }
  return line > at ? line : spaces_end(text, at);
}

struct Known {
  std::string_view expression;
  WordEnd end;
};

constexpr std::array kKnown{
    Known{R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", gpt2},
    Known{R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", gpt2},
    Known{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        llama3<3>},
    Known{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        llama3<1>},
};

}  // namespace

WordEnd word_end(std::string_view expression) {
  for (const Known& known : kKnown)
    if (known.expression == expression) return known.end;
  return nullptr;
}

std::string_view expression_of(WordEnd end) {
  for (const Known& known : kKnown)
    if (known.end == end) return known.expression;
  return {};
}

}  // namespace hone::tokenizer
