#include "text/template/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "text/template/characters.h"

namespace hone::jinja {
namespace {

constexpr std::string_view kSymbols[] = {"**", "//", "==", "!=", ">=", "<=", "+", "-", "*",
                                         "/",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                         "<",  ">",  "=",  ".",  ":",  "|",  ",", ";"};

bool is_name_byte(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_decimal(char c) { return c >= '0' && c <= '9'; }

// Carriage returns become newlines; one newline at the end goes.
std::string normalize_newlines(std::string_view source) {
  std::string made;
  made.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      made += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      made += source[i];
    }
  }
  return made;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {
    if (source_.ends_with('\n')) source_.pop_back();
  }
  Result<std::vector<Token>> run();

 private:
  using Kind = Token::Kind;

  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  void advance(size_t count) {
    line_ += static_cast<uint32_t>(std::count(source_.begin() + static_cast<ptrdiff_t>(at_),
                                              source_.begin() + static_cast<ptrdiff_t>(at_ + count),
                                              '\n'));
    at_ += count;
    if (count > 0) line_starting_ = source_[at_ - 1] == '\n';
  }
  void skip_space() { advance(rest().size() - strip_left(rest()).size()); }
  bool skip(std::string_view text) {
    if (!rest().starts_with(text)) return false;
    advance(text.size());
    return true;
  }
  void add(Kind kind, uint32_t line, std::string text = {}) {
    tokens_.push_back({.kind = kind, .line = line, .text = std::move(text)});
  }
  Error error(std::string_view what) const { return template_error(line_, what); }

  void data_before(size_t begin, char sign, bool strip_line);
  Status comment();
  Result<bool> raw();
  Status tag(bool variable);
  bool tag_end(bool variable);
  bool close(std::string_view mark);
  Status token();
  Status number();
  Status text();
  Status escape(std::string& out);
  Result<char32_t> hexadecimal(size_t digits);

  std::string source_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  bool line_starting_ = true;  // did the last tag end a line?
  std::vector<char> open_;     // brackets, inside of which }} and %} end nothing
  std::vector<Token> tokens_;
};

// Emits what lies before a tag that begins at `begin`, and goes there. A '-' strips all white space
// before the tag, a '+' none; else a tag alone on its line takes the blanks before it.
void Lexer::data_before(size_t begin, char sign, bool strip_line) {
  std::string_view text = std::string_view(source_).substr(at_, begin - at_);
  if (sign == '-') {
    text = strip_right(text);
  } else if (sign != '+' && strip_line) {
    const size_t newline = text.rfind('\n');
    const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
    if ((line > 0 || line_starting_) && strip(text.substr(line)).empty()) {
      text = text.substr(0, line);
    }
  }
  if (!text.empty()) add(Kind::data, line_, std::string(text));
  advance(begin - at_);
}

char sign_of(std::string_view after_mark) {
  return after_mark.starts_with('-') || after_mark.starts_with('+') ? after_mark[0] : ' ';
}

Result<std::vector<Token>> Lexer::run() {
  while (true) {
    size_t begin = at_;
    while (true) {
      begin = source_.find('{', begin);
      if (begin == std::string::npos || begin + 1 >= source_.size()) {
        begin = source_.size();
        break;
      }
      const char next = source_[begin + 1];
      if (next == '{' || next == '%' || next == '#') break;
      ++begin;
    }
    if (begin == source_.size()) {
      data_before(begin, '+', false);
      add(Kind::end, line_);
      return std::move(tokens_);
    }
    const char mark = source_[begin + 1];
    const char sign = sign_of(std::string_view(source_).substr(begin + 2));
    data_before(begin, sign, mark != '{');
    if (mark == '%' && TRY(raw())) continue;
    if (mark != '#') add(mark == '{' ? Kind::variable_begin : Kind::block_begin, line_);
    advance(sign == ' ' ? 2 : 3);
    TRY(mark == '#' ? comment() : tag(mark == '{'));
  }
}

Status Lexer::comment() {
  if (at_ == source_.size()) return ok();  // as Jinja: the end of the source ends this one
  const size_t end = rest().find("#}");
  if (end == std::string_view::npos) return error("a comment {# has no end #}");
  const char sign = end > 0 ? rest()[end - 1] : ' ';
  advance(end + 2);
  if (sign == '-') {
    skip_space();
  } else if (sign != '+') {
    skip("\n");
  }
  return ok();
}

// At "{%": a raw block as a whole, or nothing.
Result<bool> Lexer::raw() {
  std::string_view head = rest().substr(2);
  if (sign_of(head) != ' ') head.remove_prefix(1);
  head = strip_left(head);
  if (!head.starts_with("raw")) return false;
  head = strip_left(head.substr(3));
  const bool strip_after = head.starts_with("-%}");
  if (!strip_after && !head.starts_with("%}")) return false;
  head.remove_prefix(strip_after ? 3 : 2);
  if (strip_after) head = strip_left(head);
  advance(rest().size() - head.size());
  for (size_t begin = at_;; begin += 2) {
    begin = source_.find("{%", begin);
    if (begin == std::string::npos) return error("a raw block has no {% endraw %}");
    std::string_view tail = std::string_view(source_).substr(begin + 2);
    const char sign = sign_of(tail);
    if (sign != ' ') tail.remove_prefix(1);
    tail = strip_left(tail);
    if (!tail.starts_with("endraw")) continue;
    tail = strip_left(tail.substr(6));
    const char last = sign_of(tail);
    if (last != ' ') tail.remove_prefix(1);
    if (!tail.starts_with("%}")) continue;
    tail.remove_prefix(2);
    if (last == '-') tail = strip_left(tail);
    if (last == ' ' && tail.starts_with('\n')) tail.remove_prefix(1);
    data_before(begin, sign, true);
    advance(rest().size() - tail.size());
    return true;
  }
}

Status Lexer::tag(bool variable) {
  open_.clear();
  const uint32_t line = line_;
  while (true) {
    if (open_.empty() && tag_end(variable)) return ok();
    if (at_ == source_.size()) {
      return template_error(line, variable ? "{{ has no }}" : "{% has no %}");
    }
    if (is_space(first_character(rest()).value)) {
      skip_space();
    } else {
      TRY(token());
    }
  }
}

bool Lexer::tag_end(bool variable) {
  const std::string_view mark = variable ? "}}" : "%}";
  const char sign = sign_of(rest());
  if (variable && sign == '+') return false;
  if (!rest().substr(sign == ' ' ? 0 : 1).starts_with(mark)) return false;
  add(variable ? Kind::variable_end : Kind::block_end, line_);
  advance(sign == ' ' ? 2 : 3);
  if (sign == '-') skip_space();
  if (sign == ' ' && !variable) skip("\n");
  return true;
}

// Is this the bracket that closes the last one?
bool Lexer::close(std::string_view mark) {
  if (open_.empty()) return false;
  const char opening = open_.back();
  open_.pop_back();
  return mark[0] == (opening == '(' ? ')' : opening == '[' ? ']' : '}');
}

Status Lexer::token() {
  const char c = rest()[0];
  if (is_decimal(c)) return number();
  if (c == '"' || c == '\'') return text();
  if (is_name_byte(c)) {
    size_t end = 1;
    while (end < rest().size() && is_name_byte(rest()[end])) ++end;
    add(Kind::name, line_, std::string(rest().substr(0, end)));
    advance(end);
    return ok();
  }
  for (const std::string_view symbol : kSymbols) {
    if (!rest().starts_with(symbol)) continue;
    if (c == '(' || c == '[' || c == '{') open_.push_back(c);
    if ((c == ')' || c == ']' || c == '}') && !close(symbol)) {
      return error(fmt::format("'{}' closes nothing", c));
    }
    add(Kind::symbol, line_, std::string(symbol));
    advance(symbol.size());
    return ok();
  }
  const std::string_view shown = rest().substr(0, first_character(rest()).bytes);
  return error(fmt::format("unexpected character '{}'", printable(shown)));
}

Status Lexer::number() {
  const std::string_view all = rest();
  // Digits with single underscores between them.
  const auto digits = [&](size_t from, const auto& is_digit) {
    size_t end = from;
    while (end < all.size() &&
           (is_digit(all[end]) ||
            (all[end] == '_' && end > from && end + 1 < all.size() && is_digit(all[end + 1])))) {
      ++end;
    }
    return end;
  };
  const auto without_underscores = [](std::string_view piece) {
    std::string made(piece);
    std::erase(made, '_');
    return made;
  };
  Token token{.kind = Kind::integer, .line = line_};
  int base = 10;
  size_t end = 0;
  if (all.size() > 2 && all[0] == '0') {
    const char letter = static_cast<char>(all[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    const auto in_base = [base](char d) {
      const int value = is_decimal(d) ? d - '0' : d >= 'A' ? (d | 0x20) - 'a' + 10 : 99;
      return value < base;
    };
    end = base == 10 ? 0 : digits(2, in_base);
    if (end <= 2) base = 10;
  }
  std::string spelled;
  if (base != 10) {
    spelled = without_underscores(all.substr(2, end - 2));
  } else {
    end = digits(0, is_decimal);
    const bool after_point = !tokens_.empty() && tokens_.back().text == "." &&
                             tokens_.back().kind == Kind::symbol && at_ > 0 &&
                             source_[at_ - 1] == '.';
    size_t real_end = end;
    if (end + 1 < all.size() && all[end] == '.' && is_decimal(all[end + 1])) {
      real_end = digits(end + 1, is_decimal);
    }
    if (real_end < all.size() && (all[real_end] == 'e' || all[real_end] == 'E')) {
      size_t exponent = real_end + 1;
      if (exponent < all.size() && (all[exponent] == '+' || all[exponent] == '-')) ++exponent;
      if (exponent < all.size() && is_decimal(all[exponent])) {
        real_end = digits(exponent, is_decimal);
      }
    }
    if (real_end > end && !after_point) {
      end = real_end;
      token.kind = Kind::real;
    }
    spelled = without_underscores(all.substr(0, end));
  }
  const char* const from = spelled.data();
  const char* const to = from + spelled.size();
  const auto parsed = token.kind == Kind::real ? std::from_chars(from, to, token.real)
                                               : std::from_chars(from, to, token.integer, base);
  if (parsed.ec != std::errc()) return error("the number is out of range");
  advance(end);
  tokens_.push_back(std::move(token));
  return ok();
}

Status Lexer::text() {
  const char mark = rest()[0];
  const uint32_t line = line_;
  advance(1);
  std::string made;
  while (true) {
    size_t plain = 0;
    while (plain < rest().size() && rest()[plain] != mark && rest()[plain] != '\\') ++plain;
    made += rest().substr(0, plain);
    advance(plain);
    if (at_ == source_.size()) return template_error(line, "a string has no end");
    if (rest()[0] == mark) break;
    TRY(escape(made));
  }
  advance(1);
  add(Kind::text, line, std::move(made));
  return ok();
}

// At a backslash. The escapes are those of Python.
Status Lexer::escape(std::string& out) {
  advance(1);
  if (at_ == source_.size()) return error("a string has no end");
  const char c = rest()[0];
  constexpr std::string_view kLetters = "\\'\"abfnrtv";
  constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
  if (const size_t letter = kLetters.find(c); letter != std::string_view::npos) {
    out += kMeanings[letter];
    advance(1);
  } else if (c == '\n') {
    advance(1);
  } else if (c == 'x' || c == 'u' || c == 'U') {
    advance(1);
    char32_t code = TRY(hexadecimal(c == 'x' ? 2 : c == 'u' ? 4 : 8));
    if (code >= 0xd800 && code <= 0xdfff) return error("a string holds half of a surrogate pair");
    append_utf8(out, code);
  } else if (c >= '0' && c <= '7') {
    char32_t code = 0;
    for (int i = 0; i < 3 && rest()[0] >= '0' && rest()[0] <= '7'; ++i) {
      code = code * 8 + static_cast<char32_t>(rest()[0] - '0');
      advance(1);
      if (at_ == source_.size()) return error("a string has no end");
    }
    append_utf8(out, code);
  } else if (c == 'N') {
    return error("\\N{…} is not supported; write \\u and four digits");
  } else {
    out += '\\';
  }
  return ok();
}

Result<char32_t> Lexer::hexadecimal(size_t digits) {
  uint32_t code = 0;
  const std::string_view piece = rest().substr(0, digits);
  const auto parsed = std::from_chars(piece.data(), piece.data() + piece.size(), code, 16);
  if (piece.size() < digits || parsed.ptr != piece.data() + digits || code > 0x10ffff) {
    return error(fmt::format("a \\ in a string needs {} hexadecimal digits", digits));
  }
  advance(digits);
  return code;
}

}  // namespace

Error template_error(uint32_t line, std::string_view what) {
  return fail(ErrorId::bad_template, fmt::format("chat template, line {}: {}", line, what));
}

Result<std::vector<Token>> lex(std::string_view source) {
  return Lexer(normalize_newlines(source)).run();
}

}  // namespace hone::jinja
