// Words of texts whose spaces are U+2581: where a vocabulary allows to encode them one by one.
#pragma once

#include <string_view>

#include "text/tokenizer/vocabulary.h"

namespace hone::tokenizer {

inline constexpr std::string_view kSpaceMark = "\xe2\x96\x81";  // U+2581

// Holds no token a mark behind another character? Then no merge joins a word with the mark of the
// next one.
inline bool separable(std::string_view token) {
  for (size_t at = token.rfind(kSpaceMark); at != std::string_view::npos && at != 0;
       at = token.rfind(kSpaceMark, at - 1)) {
    if (at < kSpaceMark.size() ||
        token.substr(at - kSpaceMark.size(), kSpaceMark.size()) != kSpaceMark)
      return false;
  }
  return true;
}
inline bool separable(const Vocabulary& vocabulary) {
  for (int32_t id = 0; id < vocabulary.size(); ++id)
    if (vocabulary.found(id) && !separable(vocabulary[id])) return false;
  return true;
}

}  // namespace hone::tokenizer
