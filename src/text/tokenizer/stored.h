// Tokenizers as bytes that load at once: what artefacts carry.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "text/tokenizer/tokenizer.h"

namespace hone {

// All that there is to know of it: equal tokenizers give equal bytes.
std::string stored_tokenizer(const Tokenizer& tokenizer);
// Trusts nothing. Copies what it needs.
Result<Tokenizer> read_stored_tokenizer(std::span<const std::byte> bytes, Ledger& ledger);

}  // namespace hone
