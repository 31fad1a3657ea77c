// Tokens that are cut out of a text before anything else is done with it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/longest_match.h"

namespace hone::tokenizer {

struct AddedToken {
  std::string text;
  int32_t id = 0;
  bool special = false;     // recognized where it is trusted, left out of decoded text
  bool normalized = false;  // recognized in the normalized text
  bool single_word = false;
  bool left_strip = false, right_strip = false;  // takes spaces beside it
};

// A part of a text: a token, or text that is yet to be split.
struct Fragment {
  size_t begin, end;
  int32_t id;  // -1 of text
};

// Where in a text special tokens may be recognized.
struct Trust {
  struct Range {
    size_t begin, end;
  };
  std::vector<Range> ranges;  // in order, apart
  bool holds(size_t begin, size_t end) const;
  // The ranges inside a part of the text, as places in that part.
  Trust within(size_t begin, size_t end) const;
};

class AddedTokens {
 public:
  // Normalized tokens are matched as `normalized_texts` says, in the order of those tokens.
  static Result<AddedTokens> make(std::vector<AddedToken> tokens,
                                  const std::vector<std::string>& normalized_texts, Ledger& ledger);
  const std::vector<AddedToken>& tokens() const { return tokens_; }
  bool has_normalized() const { return !normalized_.empty(); }
  // Cuts out the tokens that are `normalized`, or those that are not. Special tokens only where
  // `trust` holds.
  void split(std::string_view text, bool normalized, const Trust& trust,
             std::vector<Fragment>& fragments) const;

 private:
  bool accepts(const AddedToken& token, std::string_view text, size_t begin, size_t end,
               const Trust& trust) const;
  std::vector<AddedToken> tokens_;
  LongestMatch raw_, normalized_;
};

}  // namespace hone::tokenizer
