#include "text/tokenizer/bytes.h"

#include <vector>

#include "base/check.h"
#include "text/tokenizer/build.h"

namespace hone {

using namespace tokenizer;

Result<Tokenizer> byte_tokenizer(int32_t tokens, Ledger& ledger) {
  CHECK(tokens >= 256);
  auto vocabulary = std::make_shared<Vocabulary>();
  for (int32_t id = 0; id < tokens; ++id) {
    const bool byte = id < 256;
    const std::string text =
        byte ? std::string(1, static_cast<char>(id)) : "<" + std::to_string(id) + ">";
    TRY(vocabulary->append(text, byte, ledger));
  }
  TRY(vocabulary->index(ledger));
  Parts parts;
  parts.vocabulary = std::move(vocabulary);
  parts.byte_level = true;
  BpeOptions options;
  options.byte_level = true;
  parts.model = TRY(make_bpe(parts.vocabulary, {}, std::move(options), ledger));
  return Tokenizer(std::make_shared<const Parts>(std::move(parts)));
}

}  // namespace hone
