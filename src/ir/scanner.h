// Takes a text in the text form apart: names, numbers, texts in quotes, signs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "ir/dim.h"

namespace hone::syntax {

// A place in a text that moves forward. Blanks and comments are skipped before whatever is asked
// for. Failures are of the kind `syntax`, and say the line and the column. The text and the limits
// have to outlive it.
class Scanner {
 public:
  Scanner(std::string_view text, const Limits& limits) : text_(text), limits_(limits) {}

  size_t size() const { return text_.size(); }
  bool at_end() {
    skip();
    return at_ == text_.size();
  }
  void skip();
  // The next character, '\0' at the end; the raw one may be a blank.
  char peek_raw() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  char peek() {
    skip();
    return peek_raw();
  }
  // Is this next? Then it is taken; a word only as a whole.
  bool eat(std::string_view token) {
    skip();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  bool eat_word(std::string_view word);
  Status expect(std::string_view token) {
    if (eat(token)) return ok();
    return wrong("expected '" + std::string(token) + "'");
  }

  Result<std::string> name();        // bare or in quotes
  Result<std::string> value_name();  // a name, or `%3`
  Result<std::string> quoted();      // what is meant by a text in quotes
  bool starts_number();
  Result<std::string> number();  // its characters; their meaning depends on the dtype
  Result<int64_t> integer();
  Result<Dim> dim();

  // To look further and come back.
  size_t place() const { return at_; }
  void go_back(size_t place) { at_ = place; }
  std::string_view since(size_t place) const { return text_.substr(place, at_ - place); }

  size_t line();
  std::string at();  // " at line 3, column 7"
  Error wrong(std::string what);

 private:
  std::string_view text_;
  const Limits& limits_;
  size_t at_ = 0, counted_ = 0, lines_ = 1;
};

}  // namespace hone::syntax
