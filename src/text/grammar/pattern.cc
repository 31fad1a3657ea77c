#include "text/grammar/pattern.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"

namespace hone::grammar {
namespace {

using Ranges = std::vector<CodeRange>;

const Ranges& digits() {
  static const Ranges kDigits{{'0', '9'}};
  return kDigits;
}
const Ranges& word() {
  static const Ranges kWord{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return kWord;
}
const Ranges& space() {
  static const Ranges kSpace{{9, 13},          {' ', ' '},       {0xa0, 0xa0},
                             {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029},
                             {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};
  return kSpace;
}

class PatternReader {
 public:
  PatternReader(std::string_view pattern, Rules& rules, JsonTexts& texts)
      : text_(pattern), rules_(rules), texts_(texts) {}
  Result<ExpressionId> read();

 private:
  bool done() const { return at_ == text_.size(); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool skip(char c) {
    if (done() || peek() != c) return false;
    ++at_;
    return true;
  }
  Error error(std::string_view what) const {
    return grammar_error(
        fmt::format("the pattern `{}`, character {}: {}", printable(text_), at_ + 1, what));
  }
  ExpressionId anything();
  Result<ExpressionId> alternatives(bool top);
  Result<ExpressionId> sequence(bool top);
  Result<ExpressionId> element();
  Result<ExpressionId> repeated(ExpressionId kid);
  Result<uint32_t> number();
  Result<Ranges> escape(bool in_class);
  Result<Ranges> char_class();
  Result<char32_t> hexadecimal(size_t digits);

  std::string_view text_;
  Rules& rules_;
  JsonTexts& texts_;
  size_t at_ = 0;
  uint64_t depth_ = 0;
};

Result<ExpressionId> PatternReader::read() {
  const ExpressionId made = TRY(alternatives(true));
  if (!done()) return error("a ) without its (");
  return made;
}

ExpressionId PatternReader::anything() { return rules_.repeat(texts_.character(), 0, kUnlimited); }

Result<ExpressionId> PatternReader::alternatives(bool top) {
  if (++depth_ > rules_.limits.depth) {
    Error deep = fail(ErrorId::over_depth, "a pattern nests too deeply");
    deep.hint = "use a simpler pattern";
    return deep;
  }
  std::vector<ExpressionId> kids;
  do {
    kids.push_back(TRY(sequence(top)));
  } while (skip('|'));
  --depth_;
  return rules_.choice(std::move(kids));
}

Result<ExpressionId> PatternReader::sequence(bool top) {
  std::vector<ExpressionId> kids;
  bool anchored_end = false;
  // An unanchored pattern may be found anywhere.
  if (top && !skip('^')) kids.push_back(anything());
  while (!done() && peek() != '|' && peek() != ')') {
    if (peek() == '$' && top && (at_ + 1 == text_.size() || peek(1) == '|')) {
      ++at_;
      anchored_end = true;
      break;
    }
    const ExpressionId kid = TRY(element());
    kids.push_back(TRY(repeated(kid)));
    TRY(rules_.check_size());
  }
  if (top && !anchored_end) kids.push_back(anything());
  return rules_.sequence(std::move(kids));
}

Result<ExpressionId> PatternReader::element() {
  const char c = peek();
  if (c == '^' || c == '$') {
    return error("^ and $ are supported at the beginning and the end of the whole pattern only");
  }
  if (c == '*' || c == '+' || c == '?') return error("nothing to repeat");
  if (c == '(') {
    ++at_;
    if (skip('?')) {
      if (!skip(':')) return error("look-around and named groups are not supported");
    }
    const ExpressionId inner = TRY(alternatives(false));
    if (!skip(')')) return error("a ( has no )");
    return inner;
  }
  if (c == '[') {
    ++at_;
    const Ranges ranges = TRY(char_class());
    return texts_.characters(ranges);
  }
  if (c == '.') {
    ++at_;
    return texts_.characters(complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}));
  }
  if (c == '\\') {
    ++at_;
    const Ranges ranges = TRY(escape(false));
    return texts_.characters(ranges);
  }
  const CodePoint code = decode_utf8(text_.substr(at_));
  at_ += code.length;
  return texts_.characters({{code.value, code.value}});
}

Result<uint32_t> PatternReader::number() {
  uint32_t value = 0;
  const auto parsed = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
  if (parsed.ec != std::errc() || value > rules_.limits.repeat) {
    return error(fmt::format("expected a count of at most {}", rules_.limits.repeat));
  }
  at_ = static_cast<size_t>(parsed.ptr - text_.data());
  return value;
}

Result<ExpressionId> PatternReader::repeated(ExpressionId kid) {
  uint32_t least = 0, most = kUnlimited;
  if (skip('*')) {
  } else if (skip('+')) {
    least = 1;
  } else if (skip('?')) {
    most = 1;
  } else if (skip('{')) {
    least = TRY(number());
    most = least;
    if (skip(',')) most = peek() == '}' ? kUnlimited : TRY(number());
    if (!skip('}')) return error("a { has no }");
    if (most < least) return error("a repetition of at most less than at least");
  } else {
    return kid;
  }
  skip('?');  // which of several matches is taken does not matter
  if (!done() && (peek() == '*' || peek() == '+')) return error("nothing to repeat");
  return rules_.repeat(kid, least, most);
}

Result<char32_t> PatternReader::hexadecimal(size_t count) {
  const std::string_view piece = text_.substr(at_, count);
  uint32_t code = 0;
  const auto parsed = std::from_chars(piece.data(), piece.data() + piece.size(), code, 16);
  if (piece.size() < count || parsed.ptr != piece.data() + count) {
    return error(fmt::format("expected {} hexadecimal digits", count));
  }
  at_ += count;
  return static_cast<char32_t>(code);
}

Result<Ranges> PatternReader::escape(bool in_class) {
  if (done()) return error("the pattern ends with a \\");
  const char c = peek();
  const auto one = [](char32_t code) { return Ranges{{code, code}}; };
  ++at_;
  switch (c) {
    case 'd': return digits();
    case 'D': return complement(digits());
    case 'w': return word();
    case 'W': return complement(word());
    case 's': return space();
    case 'S': return complement(space());
    case 'n': return one('\n');
    case 'r': return one('\r');
    case 't': return one('\t');
    case 'f': return one('\f');
    case 'v': return one('\v');
    case '0': return one(0);
    case 'x': return one(TRY(hexadecimal(2)));
    case 'u': return one(TRY(hexadecimal(4)));
    case 'b':
      if (in_class) return one('\b');
      break;
    default: break;
  }
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '1' && c <= '9');
  if (letter || static_cast<unsigned char>(c) >= 0x80) {
    --at_;
    return error(fmt::format("\\{} is not supported", printable({&c, 1})));
  }
  return one(static_cast<char32_t>(c));
}

Result<Ranges> PatternReader::char_class() {
  const bool negated = skip('^');
  Ranges ranges;
  const auto item = [&]() -> Result<Ranges> {
    if (skip('\\')) return escape(true);
    const CodePoint code = decode_utf8(text_.substr(at_));
    at_ += code.length;
    return Ranges{{code.value, code.value}};
  };
  while (!done() && peek() != ']') {
    const Ranges first = TRY(item());
    const bool single = first.size() == 1 && first[0].low == first[0].high;
    if (single && peek() == '-' && peek(1) != ']' && peek(1) != '\0') {
      ++at_;
      const Ranges last = TRY(item());
      if (last.size() != 1 || last[0].low != last[0].high || last[0].low < first[0].low) {
        return error("a range in a [class] has no end, or ends before it begins");
      }
      ranges.push_back({first[0].low, last[0].low});
    } else {
      ranges.insert(ranges.end(), first.begin(), first.end());
    }
  }
  if (!skip(']')) return error("a [ has no ]");
  return negated ? complement(std::move(ranges)) : normalized(std::move(ranges));
}

}  // namespace

Result<ExpressionId> read_pattern(std::string_view pattern, Rules& rules, JsonTexts& texts) {
  return PatternReader(pattern, rules, texts).read();
}

}  // namespace hone::grammar
