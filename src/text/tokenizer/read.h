// Reads the tokenizer of a model: from GGUF metadata, tokenizer.json, tokenizer.model, or
// vocabularies.
#pragma once

#include <string>

#include "base/limits.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "formats/gguf.h"
#include "text/tokenizer/tokenizer.h"

namespace hone {

// `path` is a .gguf file, tokenizer.json, tokenizer.model, vocab.json (with merges.txt beside it),
// vocab.txt, or a folder with one of them; files are told apart by content.
Result<Tokenizer> read_tokenizer(const std::string& path, const Limits& limits,
                                 Links links = Links::refuse);
// Of a model's folder that is open.
Result<Tokenizer> read_tokenizer(const Folder& folder, Ledger& ledger, Links links = Links::refuse);
// From the metadata of a GGUF file; copies what it needs.
Result<Tokenizer> read_tokenizer(const Gguf& file, Ledger& ledger);

}  // namespace hone
