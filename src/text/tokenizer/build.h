// What the readers of all tokenizer formats share while they put parts together.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "text/tokenizer/bpe.h"
#include "text/tokenizer/parts.h"

namespace hone::tokenizer {

struct VocabularyEntry {
  std::string_view text;
  bool found = true;  // a text can become it: not special, no byte token
};

// Entries in the order of their ids. With byte_level, spellings become bytes.
Result<std::shared_ptr<const Vocabulary>> make_vocabulary(
    const std::vector<VocabularyEntry>& entries, bool byte_level, Ledger& ledger);

// Ids of the tokens "<0x00>" to "<0xFF>", of single bytes where byte_level is set; -1: none.
std::array<int32_t, 256> byte_ids(const Vocabulary& vocabulary, bool byte_level);

// One merge as the two tokens that it joins.
struct MergePair {
  std::string_view left, right;
};
// "a b"; malformed without a space inside.
Result<MergePair> split_merge(std::string_view line, size_t index);

// Fills the span with the next merges.
using NextMerges = std::function<Status(std::span<MergePair>)>;

// A model of byte pairs, of `count` merges. Merges of tokens that the vocabulary lacks are an
// error, or left out and counted where `left_out` is set.
Result<std::unique_ptr<const TokenModel>> make_bpe(std::shared_ptr<const Vocabulary> vocabulary,
                                                   size_t count, const NextMerges& next,
                                                   BpeOptions options, Ledger& ledger,
                                                   size_t* left_out = nullptr);
Result<std::unique_ptr<const TokenModel>> make_bpe(std::shared_ptr<const Vocabulary> vocabulary,
                                                   const std::vector<MergePair>& merges,
                                                   BpeOptions options, Ledger& ledger);

// Marks the id as special, and adds it to the ids that end a text where its name says so.
void mark_special(Parts& parts, int32_t id);
// Ids that end what a model generates: eos, end of turn, and tokens whose names say so.
void find_end_ids(Parts& parts);

// Splits as byte-level tokenizers of the name in `tokenizer.ggml.pre` do. An unknown name gives the
// default and a warning.
struct NamedPreTokenizer {
  std::vector<PreTokenizer> steps;
  bool ignore_merges = false, add_bos = false, add_separator = false;
  bool byte_level = true;
  bool known = true;
};
Result<NamedPreTokenizer> named_pre_tokenizer(std::string_view name);
// The name of these steps; empty where no name stands for them.
std::string_view pre_tokenizer_name(const std::vector<PreTokenizer>& steps, bool ignore_merges);
// All names, for tests and messages.
std::vector<std::string_view> pre_tokenizer_names();

}  // namespace hone::tokenizer
