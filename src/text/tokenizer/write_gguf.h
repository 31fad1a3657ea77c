// Tokenizers as the metadata of GGUF files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "formats/gguf_writer.h"
#include "text/tokenizer/tokenizer.h"

namespace hone {

// The keys that read_tokenizer takes, with `vocabulary` tokens, as many as the model has. What was
// written is read again and has to give the tokens of the original on texts of all kinds; a
// tokenizer that those keys cannot say goes in as `json`, the text of its tokenizer.json, which
// other programs leave unread: that is warned of. Fails with `unsupported_feature` where there is
// none.
Status write_tokenizer(const Tokenizer& tokenizer, int64_t vocabulary, std::string_view json,
                       const Limits& limits, GgufMetadata& to, std::vector<std::string>& warnings);

}  // namespace hone
