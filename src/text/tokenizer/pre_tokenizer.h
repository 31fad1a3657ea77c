// Steps that split a text into words before the model sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/matchers.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/pattern.h"

namespace hone::tokenizer {

struct PreTokenizer {
  // What becomes of a match: its own word, nothing, or a part of the word before or behind it.
  enum class Behavior : uint8_t { isolated, removed, contiguous, with_previous, with_next };
  enum class Kind : uint8_t {
    words,         // `word_end`
    pattern,       // `pattern`
    text,          // `text`
    spaces,        // White_Space
    numbers,       // \p{N}
    punctuation,   // ASCII's and category P
    prefix_space,  // a space before every piece without one
    metaspace,     // spaces become `text`, which is also put before the text: as `prepend` says
    fixed,         // after `length` characters
  };
  enum class Prepend : uint8_t { never, first, always };
  Kind kind = Kind::words;
  Behavior behavior = Behavior::isolated;
  bool invert = false;  // what lies between matches counts as matches
  WordEnd word_end = nullptr;
  std::optional<Pattern> pattern;
  std::string text;
  Prepend prepend = Prepend::always;
  bool split = true;  // of metaspace: words begin at the marks
  size_t length = 0;
  std::string expression;  // of words and patterns, as it was given
};

// By an expression; the hand-written form of it where there is one.
Result<PreTokenizer> split_by(std::string_view expression,
                              PreTokenizer::Behavior behavior = PreTokenizer::Behavior::isolated,
                              bool invert = false);

// The words of a text, in order.
struct Words {
  struct Span {
    uint32_t begin, end;
  };
  std::string_view text;  // what the spans lie in
  std::vector<Span> spans;

  std::string_view operator[](size_t i) const {
    return text.substr(spans[i].begin, spans[i].end - spans[i].begin);
  }
  // Memory of the steps.
  std::string own, scratch;
  std::vector<Span> next;
};

Status pre_tokenize(const std::vector<PreTokenizer>& steps, std::string_view text, Place place,
                    SearchTime& time, Words& words);

}  // namespace hone::tokenizer
