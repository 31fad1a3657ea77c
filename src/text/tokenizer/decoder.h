// Tokens back to text, one after another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/pattern.h"

namespace hone::tokenizer {

struct Parts;

// What a token becomes, step by step.
struct DecodeStep {
  enum class Kind : uint8_t {
    replace,        // `from`, or what `pattern` matches, by `to`
    bytes,          // <0x41> becomes its byte
    metaspace,      // marks become spaces, and nothing at the start where `strip` is set
    sentencepiece,  // as metaspace; unknown tokens become `to`; `strip` a mark at the start of the
                    // text, `strip_all` also from the tokens behind while there is no text
    wordpiece,      // a space before, except before `from`, which is taken away; `clean`
    suffix,         // `from` at the end of a word becomes a space, and nothing at the end of the
                    // text; nothing at all where `strip` is set
    clean,          // no spaces before punctuation and in contractions, as BERT is joined
    strip,          // up to `left` and `right` times `from` at the ends of the token
  };
  Kind kind = Kind::replace;
  std::string from, to;
  std::optional<Pattern> pattern;
  bool strip = false, strip_all = false, clean = false;
  uint32_t left = 0, right = 0;
};

struct Decoder {
  std::vector<DecodeStep> steps;
  std::string join;              // between tokens
  std::string ends;              // what is stripped from the ends of the whole text
  uint32_t left = 0, right = 0;  // how often
};

// Where in a text decoding is.
class DecoderState {
 public:
  explicit DecoderState(bool continues) : continues_(continues) { restart(); }
  // Appends what is certain now.
  void add(const Parts& parts, int32_t id, std::string& out);
  // Begins anew: the space behind a last word, and what is stripped from the end, do not come.
  void restart();

  std::string held;  // for the user of the state: an incomplete character

 private:
  void strip_text(const Decoder& decoder, std::string_view text, std::string& out);

  bool continues_;
  SearchTime time_;
  bool first_ = true;  // no token so far
  bool blank_ = true;  // no text so far
  uint32_t left_ = 0;  // stripped from the start so far
  std::string tail_;   // what may turn out to be the end of the text
};

}  // namespace hone::tokenizer
