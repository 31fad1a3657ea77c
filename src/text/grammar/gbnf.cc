// Reads grammars in GBNF.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/text.h"
#include "text/grammar/expressions.h"

namespace hone::grammar {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

class Reader {
 public:
  Reader(std::string_view text, const GrammarLimits& limits) : text_(text), rules_(limits) {}
  Result<Rules> read();

 private:
  bool done() const { return at_ == text_.size(); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  Error error(std::string_view what) const {
    const auto line =
        1 + std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(at_), '\n');
    return grammar_error(fmt::format("grammar, line {}: {}", line, what));
  }
  void skip_space();
  bool at_rule() const;
  std::string_view name();
  RuleId rule(std::string_view name);
  Status one_rule();
  Result<ExpressionId> alternatives();
  Result<ExpressionId> sequence();
  Result<ExpressionId> element();
  Result<ExpressionId> literal();
  Result<ExpressionId> set();
  Result<ExpressionId> repeated(ExpressionId kid);
  Result<uint32_t> number();
  Result<char32_t> character();

  std::string_view text_;
  size_t at_ = 0;
  uint64_t depth_ = 0;
  Rules rules_;
  std::map<std::string, RuleId, std::less<>> names_;
};

void Reader::skip_space() {
  while (!done()) {
    if (peek() == '#') {
      while (!done() && peek() != '\n') ++at_;
    } else if (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
      ++at_;
    } else {
      return;
    }
  }
}

// Is this "name ::="?
bool Reader::at_rule() const {
  size_t ahead = 0;
  while (is_name(peek(ahead))) ++ahead;
  if (ahead == 0) return false;
  while (peek(ahead) == ' ' || peek(ahead) == '\t') ++ahead;
  return text_.substr(std::min(at_ + ahead, text_.size())).starts_with("::=");
}

std::string_view Reader::name() {
  const size_t begin = at_;
  while (is_name(peek())) ++at_;
  return text_.substr(begin, at_ - begin);
}

RuleId Reader::rule(std::string_view name) {
  const auto found = names_.find(name);
  if (found != names_.end()) return found->second;
  const RuleId made = rules_.declare(name);
  names_.emplace(name, made);
  return made;
}

Result<Rules> Reader::read() {
  if (const size_t valid = utf8_prefix(text_); valid < text_.size()) {
    at_ = valid;
    return error("not UTF-8");
  }
  rule("root");
  for (skip_space(); !done(); skip_space()) TRY(one_rule());
  for (const Rule& rule : rules_.rules) {
    if (rule.defined) continue;
    return grammar_error(rule.name == "root"
                             ? "the grammar has no rule `root`, where texts begin"
                             : fmt::format("the grammar uses the rule `{}` and does not define it",
                                           printable(rule.name)));
  }
  return std::move(rules_);
}

Status Reader::one_rule() {
  if (!at_rule()) return error("expected a rule: name ::= …");
  const RuleId id = rule(name());
  if (rules_.rules[id].defined) {
    return error(fmt::format("the rule `{}` is defined twice", printable(rules_.rules[id].name)));
  }
  skip_space();
  at_ += 3;  // ::=
  const ExpressionId body = TRY(alternatives());
  rules_.define(id, body);
  if (!done() && !at_rule()) return error("expected another rule");
  return rules_.check_size();
}

Result<ExpressionId> Reader::alternatives() {
  if (++depth_ > rules_.limits.depth) {
    Error deep = fail(ErrorId::over_depth,
                      fmt::format("the grammar nests deeper than {} groups", rules_.limits.depth));
    deep.hint = "give inner groups names of their own";
    return deep;
  }
  std::vector<ExpressionId> kids;
  while (true) {
    kids.push_back(TRY(sequence()));
    if (peek() != '|' || done()) break;
    ++at_;
  }
  --depth_;
  return rules_.choice(std::move(kids));
}

Result<ExpressionId> Reader::sequence() {
  std::vector<ExpressionId> kids;
  for (skip_space(); !done() && peek() != '|' && peek() != ')' && !at_rule(); skip_space()) {
    const ExpressionId kid = TRY(element());
    kids.push_back(TRY(repeated(kid)));
    TRY(rules_.check_size());
  }
  return rules_.sequence(std::move(kids));
}

Result<ExpressionId> Reader::element() {
  if (peek() == '"') return literal();
  if (peek() == '[') return set();
  if (peek() == '.') {
    ++at_;
    return rules_.set({{0, 0x10ffff}});
  }
  if (peek() == '(') {
    ++at_;
    const ExpressionId inner = TRY(alternatives());
    if (peek() != ')' || done()) return error("expected )");
    ++at_;
    return inner;
  }
  const std::string_view called = name();
  if (called.empty()) return error("expected a string, a [class], a ( group ) or a rule");
  return rules_.call(rule(called));
}

Result<ExpressionId> Reader::literal() {
  ++at_;
  std::string bytes;
  while (!done() && peek() != '"') append_utf8(bytes, TRY(character()));
  if (done()) return error("a string has no end");
  ++at_;
  return rules_.literal(bytes);
}

Result<ExpressionId> Reader::set() {
  ++at_;
  const bool negated = peek() == '^';
  if (negated) ++at_;
  std::vector<CodeRange> ranges;
  while (!done() && peek() != ']') {
    CodeRange range{};
    range.low = range.high = TRY(character());
    if (peek() == '-' && peek(1) != ']' && peek(1) != '\0') {
      ++at_;
      range.high = TRY(character());
      if (range.high < range.low) return error("a range in a [class] ends before it begins");
    }
    ranges.push_back(range);
  }
  if (done()) return error("a [class] has no end");
  ++at_;
  return rules_.set(negated ? complement(std::move(ranges)) : std::move(ranges));
}

Result<char32_t> Reader::character() {
  if (peek() != '\\') {
    const CodePoint c = decode_utf8(text_.substr(at_));
    at_ += c.length;
    return c.value;
  }
  ++at_;
  const char c = peek();
  ++at_;
  switch (c) {
    case 'n': return U'\n';
    case 'r': return U'\r';
    case 't': return U'\t';
    case '\\':
    case '"':
    case '[':
    case ']':
    case '-':
    case '^': return static_cast<char32_t>(c);
    case 'x':
    case 'u':
    case 'U': {
      const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      const std::string_view piece = text_.substr(std::min(at_, text_.size()), digits);
      uint32_t code = 0;
      const auto parsed = std::from_chars(piece.data(), piece.data() + piece.size(), code, 16);
      if (piece.size() < digits || parsed.ptr != piece.data() + digits || code > 0x10ffff ||
          (code >= 0xd800 && code <= 0xdfff)) {
        --at_;
        return error(fmt::format("\\{} needs {} hexadecimal digits of a character", c, digits));
      }
      at_ += digits;
      return static_cast<char32_t>(code);
    }
    default: at_ = std::min(at_ - 1, text_.size()); return error("unknown escape");
  }
}

Result<uint32_t> Reader::number() {
  uint32_t value = 0;
  const auto parsed = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
  if (parsed.ec != std::errc() || value > rules_.limits.repeat) {
    return error(fmt::format("expected a count of at most {}", rules_.limits.repeat));
  }
  at_ = static_cast<size_t>(parsed.ptr - text_.data());
  return value;
}

Result<ExpressionId> Reader::repeated(ExpressionId kid) {
  for (int times = 0;; ++times) {
    if (times > 8) return error("so many repetitions of repetitions make no sense");
    const size_t begin = at_;
    skip_space();
    const char c = peek();
    if (c == '*' || c == '+' || c == '?') {
      ++at_;
      kid = rules_.repeat(kid, c == '+' ? 1 : 0, c == '?' ? 1 : kUnlimited);
    } else if (c == '{') {
      ++at_;
      uint32_t least = peek() == ',' ? 0 : TRY(number());
      uint32_t most = least;
      if (peek() == ',') {
        ++at_;
        most = peek() == '}' ? kUnlimited : TRY(number());
      }
      if (peek() != '}' || done()) return error("expected }");
      if (most < least) return error("a repetition of at most less than at least");
      ++at_;
      kid = rules_.repeat(kid, least, most);
    } else {
      at_ = begin;
      return kid;
    }
  }
}

}  // namespace

Result<Rules> parse_gbnf(std::string_view text, const GrammarLimits& limits) {
  return Reader(text, limits).read();
}

}  // namespace hone::grammar
