// The table of replacements that SentencePiece compiles into its models (precompiled_charsmap).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace hone::tokenizer {

// A double-array trie of texts, and what each becomes.
class Charsmap {
 public:
  // As it stands in the files: bytes of the trie (u32), the trie, texts that end with a zero.
  static Result<Charsmap> read(std::span<const std::byte> blob, Ledger& ledger);

  std::string blob() const;  // what read() takes

  struct Found {
    std::string_view replacement;
    size_t length;  // of what is replaced
  };
  enum class Which : uint8_t { longest, shortest };
  // The entry that `text` begins with.
  std::optional<Found> find(std::string_view text, Which which) const;

 private:
  std::vector<uint32_t> units_;
  std::string texts_;
};

}  // namespace hone::tokenizer
