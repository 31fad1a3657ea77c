// What every tokenizer that a fuzz target has read must hold: texts of any bytes encode, ids
// decode.
#pragma once

#include <string>
#include <vector>

#include "base/text.h"
#include "target.h"
#include "text/tokenizer/tokenizer.h"

namespace hone::fuzz {

inline void encode(const Tokenizer& tokenizer, std::string_view text) {
  const MarkedText parts[] = {{text.substr(0, text.size() / 2), true},
                              {text.substr(text.size() / 2), false}};
  const auto ids = tokenizer.encode(parts);
  require_clean(ids);
  require_clean(tokenizer.encode(text));
  if (!ids) return;
  for (const int32_t id : *ids) require(id >= 0 && id < tokenizer.token_count());
  StreamDecoder stream(tokenizer);
  std::string joined;
  for (const int32_t id : *ids) joined += stream.next(id);
  joined += stream.finish();
  require(joined == tokenizer.decode(*ids));
  for (const int32_t id : {-1, 0, tokenizer.token_count()}) {
    (void)tokenizer.token(id);
    (void)tokenizer.piece(id);
  }
}

}  // namespace hone::fuzz
