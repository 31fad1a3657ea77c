// Steps that change a text before it is split: normal forms, replacements, what BERT and
// SentencePiece do.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/charsmap.h"
#include "text/tokenizer/longest_match.h"
#include "text/tokenizer/pattern.h"
#include "text/tokenizer/unicode.h"

namespace hone::tokenizer {

struct Normalizer {
  enum class Kind : uint8_t {
    form,  // `form`
    lowercase,
    strip,          // spaces at the ends: left, right
    strip_accents,  // marks
    replace,        // `from`, or what `pattern` matches, by `to`
    prepend,        // `to`, before what is not empty
    bert,
    charsmap,       // grapheme by grapheme, as Hugging Face's tokenizers do
    nmt,            // controls away, odd spaces to spaces
    sentencepiece,  // charsmap and spaces, as SentencePiece does
  };
  Kind kind = Kind::form;
  NormalForm form = NormalForm::nfc;
  bool left = true, right = true;
  std::string from, to;
  std::optional<Pattern> pattern;
  struct Bert {
    bool clean = true, spaced_ideographs = true, strip_accents = true, lowercase = true;
  } bert;
  std::shared_ptr<const Charsmap> charsmap;
  struct Sentencepiece {
    bool dummy_prefix = true, suffix = false, remove_extra_spaces = true, escape_spaces = true;
    bool everywhere = false;                       // the prefix also behind special tokens
    std::shared_ptr<const LongestMatch> verbatim;  // texts that stay as they are
  } sentencepiece;
};

// Where a piece of text lies.
struct Place {
  bool at_start = true;  // of the whole text
  bool goes_on = false;  // behind bytes of the same piece that are no characters
};

// The text after all steps, in `out`, or `text` itself where nothing changed. The text is UTF-8.
Result<std::string_view> normalize(const std::vector<Normalizer>& steps, std::string_view text,
                                   Place place, SearchTime& time, std::string& out,
                                   std::string& scratch);

}  // namespace hone::tokenizer
