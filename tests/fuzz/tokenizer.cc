// Fuzzes the readers of tokenizer files: the text after the last zero byte is encoded with what the
// bytes before it hold, taken for tokenizer.json, tokenizer.model, GGUF, a list of words, or what
// artefacts carry.
#include <algorithm>
#include <optional>

#include "encode.h"
#include "formats/json.h"
#include "text/tokenizer/read.h"
#include "text/tokenizer/read_json.h"
#include "text/tokenizer/read_sentencepiece.h"
#include "text/tokenizer/read_vocabularies.h"
#include "text/tokenizer/stored.h"

namespace {

using hone::tokenizer::Parts;

hone::Result<Parts> read_json(std::string_view text, hone::Ledger& ledger) {
  const auto document = TRY(hone::JsonDocument::parse(text, ledger));
  const hone::Json root = document.root();
  // A vocabulary with merges is one object here.
  if (const auto merges = root.find("merges.txt"); merges && merges->is_string()) {
    return hone::tokenizer::read_vocabulary_and_merges(TRY(root.get("vocab.json")),
                                                       TRY(merges->as_string()), {}, ledger);
  }
  Parts parts = TRY(hone::tokenizer::read_tokenizer_json(root, ledger));
  TRY(hone::tokenizer::read_tokenizer_config(text, parts, ledger));
  return parts;
}

hone::Result<hone::Tokenizer> read(std::string_view file, hone::Ledger& ledger) {
  const auto bytes = std::as_bytes(std::span(file));
  if (file.starts_with("GGUF")) {
    const auto gguf = TRY(hone::read_gguf(bytes, ledger));
    return hone::read_tokenizer(gguf, ledger);
  }
  if (file.substr(std::min<size_t>(file.size(), 4)).starts_with("hone tokenizer"))
    return hone::read_stored_tokenizer(bytes, ledger);
  Parts parts = TRY(file.starts_with('{')    ? read_json(file, ledger)
                    : file.starts_with('\n') ? hone::tokenizer::read_sentencepiece(bytes, ledger)
                                             : hone::tokenizer::read_word_pieces(file, {}, ledger));
  return hone::Tokenizer(std::make_shared<const Parts>(std::move(parts)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all = hone::fuzz::text(data, size);
  const size_t zero = all.rfind('\0');
  const bool has_text = zero != std::string_view::npos;
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto tokenizer = read(has_text ? all.substr(0, zero) : all, ledger);
  hone::fuzz::require_clean(tokenizer);
  if (!tokenizer) return 0;
  hone::fuzz::encode(*tokenizer, "Hello w\xc3\xb6rld's 123\xff \xe6\xbc\xa2\n");
  if (has_text) hone::fuzz::encode(*tokenizer, all.substr(zero + 1));
  return 0;
}
