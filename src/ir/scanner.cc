#include "ir/scanner.h"

#include <charconv>

#include "base/text.h"
#include "ir/dim_text.h"

namespace hone::syntax {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) { return is_letter(c) || is_digit(c) || c == '.'; }

}  // namespace

void Scanner::skip() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
      ++at_;
    } else if (c == '/' && at_ + 1 < text_.size() && text_[at_ + 1] == '/') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else {
      break;
    }
  }
}

bool Scanner::eat_word(std::string_view word) {
  skip();
  if (text_.substr(at_, word.size()) != word) return false;
  const size_t end = at_ + word.size();
  if (end < text_.size() && is_name(text_[end])) return false;
  at_ = end;
  return true;
}

Result<std::string> Scanner::name() {
  skip();
  const size_t begin = at_;
  std::string text;
  if (peek_raw() == '"') {
    text = TRY(quoted());
  } else {
    if (at_ < text_.size() && is_letter(text_[at_]))
      while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    if (at_ == begin) return wrong("expected a name");
    text = text_.substr(begin, at_ - begin);
  }
  if (text.size() > limits_.name) return fail(ErrorId::over_size, "a name is too long" + at());
  return text;
}

Result<std::string> Scanner::value_name() {
  skip();
  if (peek_raw() != '%') return name();
  const size_t begin = at_++;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  if (at_ == begin + 1) return wrong("expected a number after '%'");
  return std::string(since(begin));
}

Result<std::string> Scanner::quoted() {
  skip();
  if (peek_raw() != '"') return wrong("expected a text in quotes");
  const size_t begin = ++at_;
  while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n')
    at_ += text_[at_] == '\\' ? 2 : 1;
  if (at_ >= text_.size() || text_[at_] != '"') return wrong("the text in quotes does not end");
  auto inside = unquote(since(begin));
  if (!inside) return wrong("a bad escape in a text in quotes");
  ++at_;
  return std::move(*inside);
}

bool Scanner::starts_number() {
  const char c = peek();
  if (is_digit(c)) return true;
  const std::string_view rest = text_.substr(at_);
  if (c == '-') return rest.size() > 1 && (is_digit(rest[1]) || rest[1] == 'i' || rest[1] == 'n');
  const auto special = [&](std::string_view w) {
    return rest.starts_with(w) && (rest.size() == w.size() || !is_name(rest[w.size()]));
  };
  return special("inf") || special("nan");
}

Result<std::string> Scanner::number() {
  if (!starts_number()) return wrong("expected a number");
  const size_t begin = at_;
  if (text_[at_] == '-') ++at_;
  while (at_ < text_.size() &&
         (is_name(text_[at_]) || ((text_[at_] == '-' || text_[at_] == '+') &&
                                  (text_[at_ - 1] | 32) == 'e' && text_.substr(begin, 2) != "0x")))
    ++at_;
  if (at_ - begin > 64) return wrong("the number is too long");
  return std::string(since(begin));
}

Result<int64_t> Scanner::integer() {
  const std::string digits = TRY(number());
  int64_t n = 0;
  const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (r.ec != std::errc{} || r.ptr != digits.data() + digits.size())
    return wrong("'" + printable(digits) + "' is not an integer of 64 bits");
  return n;
}

Result<Dim> Scanner::dim() { return parse_dim(text_, at_); }

// Lines are counted on from the last place asked for: positions only grow between statements.
size_t Scanner::line() {
  for (; counted_ < at_ && counted_ < text_.size(); ++counted_) lines_ += text_[counted_] == '\n';
  return lines_;
}

std::string Scanner::at() {
  const size_t before = text_.substr(0, at_).rfind('\n');
  const size_t column = before == std::string_view::npos ? at_ + 1 : at_ - before;
  return " at line " + std::to_string(line()) + ", column " + std::to_string(column);
}

Error Scanner::wrong(std::string what) {
  std::string found = at_ < text_.size() ? printable(text_.substr(at_, 16)) : "the end";
  return fail(ErrorId::syntax, std::move(what) + at() + ", found '" + found + "'");
}

}  // namespace hone::syntax
