// A tokenizer without a vocabulary of its own: every byte is a token.
#pragma once

#include "base/limits.h"
#include "text/tokenizer/tokenizer.h"

namespace hone {

// Ids from 256 on are spelled "<256>" and so on, and no text becomes them. At least 256 tokens.
Result<Tokenizer> byte_tokenizer(int32_t tokens, Ledger& ledger);

}  // namespace hone
