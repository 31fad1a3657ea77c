// Recursive descent over the text form of Dims, with bounded depth.
#include "ir/dim_text.h"

#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "base/text.h"

namespace hone {
namespace {

constexpr int kMaxNesting = 32;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

class Parser {
 public:
  Parser(std::string_view text, size_t at) : text_(text), at_(at) {}
  size_t at() const { return at_; }

  Result<Dim> sum() {
    if (++depth_ > kMaxNesting) return fail(ErrorId::over_depth, "sizes are nested too deeply");
    Dim total = TRY(product(accept('-')));
    while (true) {
      if (accept('+')) {
        total = total + TRY(product(false));
      } else if (accept('-')) {
        total = total + TRY(product(true));
      } else {
        break;
      }
    }
    --depth_;
    return total;
  }

 private:
  Result<Dim> product(bool negative) {
    skip_blanks();
    Dim total = negative ? -1 : 1;
    if (at_ < text_.size() && is_digit(text_[at_])) {
      total = TRY(integer(negative));
    } else {
      total = total * TRY(primary());
    }
    while (accept('*')) total = total * TRY(primary());
    return total;
  }

  Result<Dim> primary() {
    skip_blanks();
    if (at_ == text_.size()) return wrong();
    const char c = text_[at_];
    if (is_digit(c)) return integer(false);
    if (c == '"') return quoted();
    if (is_letter(c)) return word();
    if (accept('?')) return Dim::unknown();
    if (accept('(')) {
      Dim inner = TRY(sum());
      if (!accept(')')) return wrong();
      return inner;
    }
    return wrong();
  }

  // The sign is taken in here because the least int64 has no positive counterpart.
  Result<Dim> integer(bool negative) {
    uint64_t magnitude = 0;
    const char* end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(text_.data() + at_, end, magnitude);
    const uint64_t most = uint64_t{std::numeric_limits<int64_t>::max()} + (negative ? 1 : 0);
    if (error != std::errc() || magnitude > most)
      return fail(ErrorId::syntax, "a size does not fit in 64 bits");
    at_ = static_cast<size_t>(stop - text_.data());
    return Dim(static_cast<int64_t>(negative ? -magnitude : magnitude));
  }

  Result<Dim> quoted() {
    const size_t start = at_ + 1;
    size_t stop = start;
    while (stop < text_.size() && text_[stop] != '"') stop += text_[stop] == '\\' ? 2 : 1;
    if (stop >= text_.size()) return wrong();
    auto name = unquote(text_.substr(start, stop - start));
    if (!name) return wrong();
    at_ = stop + 1;
    return Dim::symbol(*std::move(name));
  }

  Result<Dim> word() {
    const size_t start = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    const std::string_view name = text_.substr(start, at_ - start);
    using Function = Dim (*)(const Dim&, const Dim&);
    static constexpr std::pair<std::string_view, Function> kFunctions[] = {
        {"floor_div", [](const Dim& a, const Dim& b) { return floor_div(a, b); }},
        {"ceil_div", [](const Dim& a, const Dim& b) { return ceil_div(a, b); }},
        {"mod", [](const Dim& a, const Dim& b) { return mod(a, b); }},
        {"min", [](const Dim& a, const Dim& b) { return min(a, b); }},
        {"max", [](const Dim& a, const Dim& b) { return max(a, b); }},
        {"broadcast", [](const Dim& a, const Dim& b) { return broadcast(a, b); }},
    };
    if (at_ < text_.size() && text_[at_] == '(') {
      for (const auto& [known, function] : kFunctions) {
        if (name != known) continue;
        ++at_;
        const Dim a = TRY(sum());
        if (!accept(',')) return wrong();
        const Dim b = TRY(sum());
        if (!accept(')')) return wrong();
        return function(a, b);
      }
    }
    return Dim::symbol(std::string(name));
  }

  size_t after_blanks() const {
    size_t at = at_;
    while (at < text_.size() &&
           (text_[at] == ' ' || text_[at] == '\t' || text_[at] == '\n' || text_[at] == '\r'))
      ++at;
    return at;
  }
  void skip_blanks() { at_ = after_blanks(); }
  // Takes blanks only together with the character they stand before.
  bool accept(char c) {
    const size_t at = after_blanks();
    if (at >= text_.size() || text_[at] != c) return false;
    at_ = at + 1;
    return true;
  }
  Error wrong() const {
    const size_t at = after_blanks();
    if (at >= text_.size()) return fail(ErrorId::syntax, "the text ends within a size");
    return fail(ErrorId::syntax,
                "a size cannot hold '" + printable(text_.substr(at, 1)) + "' here");
  }

  std::string_view text_;
  size_t at_;
  int depth_ = 0;
};

}  // namespace

Result<Dim> parse_dim(std::string_view text, size_t& at) {
  Parser parser(text, at);
  Dim result = TRY(parser.sum());
  at = parser.at();
  return result;
}

}  // namespace hone
