// Regular expressions of pre-tokenizers and normalizers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace hone::tokenizer {

struct Match {
  size_t begin = 0, end = 0;
};

// What the searches of all expressions in one text may take together.
class SearchTime {
 public:
  explicit SearchTime(double seconds = 10) : left_(seconds) {}
  bool is_over() const { return left_ < 0; }
  void spend(double seconds) { left_ -= seconds; }

 private:
  double left_;
};

// A compiled expression; immutable.
class Pattern {
 public:
  // In the syntax that tokenizer files use: \s is White_Space, \d and \w go by Unicode. Fails with
  // `malformed`, naming the place.
  static Result<Pattern> compile(std::string_view expression);
  std::string_view expression() const;  // as it was given

  // Memory of a search; one for each thread. The time has to outlive it.
  class Search {
   public:
    Search(const Pattern& pattern, SearchTime& time);
    // The first match at or behind `from`; none where there is none. Fails with `over_time` where
    // the expression backtracks beyond its limit at one place, or the time is over. The text is
    // valid UTF-8.
    Result<std::optional<Match>> find(std::string_view text, size_t from);

   private:
    // Matches that begin in [from, last]; the code of the library.
    int search(std::string_view text, size_t from, size_t last);
    const Pattern* pattern_;
    SearchTime* time_;
    std::shared_ptr<void> data_, context_;
  };

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace hone::tokenizer
