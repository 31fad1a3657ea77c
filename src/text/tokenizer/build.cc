// Vocabularies, merges and special ids from what files hold.
#include "text/tokenizer/build.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "text/tokenizer/byte_level.h"
#include "text/tokenizer/words.h"

namespace hone::tokenizer {
namespace {

constexpr std::array<std::string_view, 21> kEndNames{
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<\xef\xbd\x9c"
    "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
    "</s>",
    "<|eot|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|end_of_turn|>",
};
constexpr std::array<std::string_view, 8> kTurnNames{
    "<|eot_id|>",      "<|im_end|>", "<|end|>", "<end_of_turn>",
    "<|end_of_turn|>", "<EOT>",      "[EOT]",   "<|eot|>",
};

// Looks up merges some at a time, so that memory is waited for once for all of them.
class MergeReader {
 public:
  MergeReader(const Vocabulary& vocabulary, const BpeOptions& options, MergeTable& table,
              size_t* left_out)
      : vocabulary_(vocabulary), options_(options), table_(table), left_out_(left_out) {
    separable_ = !options.byte_level && options.suffix.empty() && options.prefix.empty();
  }
  static constexpr size_t kBlock = 32;
  // At most kBlock merges; `first` is the rank of the first of them.
  Status add(std::span<const MergePair> merges, size_t first);
  bool is_separable() const { return separable_; }

 private:
  struct Work {
    std::string_view left, right, joined;
    uint64_t left_hash = 0, right_hash = 0, joined_hash = 0;
    int32_t left_id = -1, right_id = -1, result = -1;
    bool skipped = false;  // spells no bytes: no text becomes such tokens
  };
  void spell(const MergePair& pair, Work& work);
  // Tokens mostly come in the order of the merges that make them.
  bool guess(Work& work);
  Error lacking(const MergePair& pair, const Work& work, size_t rank) const;

  const Vocabulary& vocabulary_;
  const BpeOptions& options_;
  MergeTable& table_;
  size_t* left_out_;
  std::array<Work, kBlock> work_;
  std::string texts_;  // left, right and joined, of a block
  int32_t last_ = -1;
  bool separable_;
};

void MergeReader::spell(const MergePair& pair, Work& work) {
  const size_t begin = texts_.size();
  work = {};
  size_t middle = begin;
  if (options_.byte_level) {
    work.skipped = !append_bytes_of_spelling(pair.left, texts_);
    middle = texts_.size();
    work.skipped = work.skipped || !append_bytes_of_spelling(pair.right, texts_);
  } else {
    texts_ += pair.left;
    middle = texts_.size();
    texts_ += pair.right;
  }
  // The text may move while it grows: views are made at the end.
  work.left_hash = begin;
  work.right_hash = middle;
  work.joined_hash = texts_.size();
}

bool MergeReader::guess(Work& work) {
  const int32_t next = last_ + 1;
  if (!vocabulary_.has(next) || !vocabulary_.found(next) || vocabulary_[next] != work.joined)
    return false;
  work.result = last_ = next;
  return true;
}

Error MergeReader::lacking(const MergePair& pair, const Work& work, size_t rank) const {
  return fail(ErrorId::malformed,
              fmt::format("merge {} of \"{}\" and \"{}\": the vocabulary lacks {}", rank,
                          printable(pair.left), printable(pair.right),
                          work.left_id < 0    ? "the first"
                          : work.right_id < 0 ? "the second"
                                              : "what they make"));
}

Status MergeReader::add(std::span<const MergePair> merges, size_t first) {
  texts_.clear();
  for (size_t i = 0; i < merges.size(); ++i) spell(merges[i], work_[i]);
  const auto each = [&](const auto& f) {
    for (size_t i = 0; i < merges.size(); ++i)
      if (!work_[i].skipped) f(work_[i]);
  };
  const std::string_view texts = texts_;
  std::string without_prefix;
  each([&](Work& w) {
    const size_t begin = w.left_hash, middle = w.right_hash, end = w.joined_hash;
    w.left = texts.substr(begin, middle - begin);
    w.right = texts.substr(middle, end - middle);
    w.joined = texts.substr(begin, end - begin);
    w.left_hash = vocabulary_.hash(w.left);
    w.right_hash = vocabulary_.hash(w.right);
    vocabulary_.prefetch(w.left_hash);
    vocabulary_.prefetch(w.right_hash);
  });
  each([&](const Work& w) {
    vocabulary_.prefetch_token(w.left_hash);
    vocabulary_.prefetch_token(w.right_hash);
  });
  each([&](Work& w) {
    w.left_id = vocabulary_.find(w.left, w.left_hash);
    w.right_id = vocabulary_.find(w.right, w.right_hash);
    if (w.left_id >= 0 && w.right_id >= 0) table_.prefetch(w.left_id, w.right_id);
    if (!options_.prefix.empty() && w.right.starts_with(options_.prefix)) {
      without_prefix.assign(w.left).append(w.right.substr(options_.prefix.size()));
      w.result = vocabulary_.find(without_prefix);
    } else if (!guess(w)) {
      w.joined_hash = vocabulary_.hash(w.joined);
      vocabulary_.prefetch(w.joined_hash);
    }
  });
  for (size_t i = 0; i < merges.size(); ++i) {
    Work& w = work_[i];
    if (w.skipped) continue;
    if (w.result < 0) w.result = vocabulary_.find(w.joined, vocabulary_.hash(w.joined));
    if (w.left_id < 0 || w.right_id < 0 || w.result < 0) {
      if (left_out_ == nullptr) return lacking(merges[i], w, first + i);
      ++*left_out_;
      continue;
    }
    last_ = w.result;
    if (separable_ && !separable(vocabulary_[w.result])) separable_ = false;
    table_.add(w.left_id, w.right_id, {static_cast<uint32_t>(first + i), w.result});
  }
  return ok();
}

}  // namespace

Result<std::shared_ptr<const Vocabulary>> make_vocabulary(
    const std::vector<VocabularyEntry>& entries, bool byte_level, Ledger& ledger) {
  auto made = std::make_shared<Vocabulary>();
  std::string bytes;
  for (const VocabularyEntry& entry : entries) {
    bytes.clear();
    const bool spelled = byte_level && entry.found && append_bytes_of_spelling(entry.text, bytes);
    TRY(made->append(spelled ? std::string_view(bytes) : entry.text,
                     entry.found && (spelled || !byte_level), ledger));
  }
  TRY(made->index(ledger));
  return std::shared_ptr<const Vocabulary>(std::move(made));
}

std::array<int32_t, 256> byte_ids(const Vocabulary& vocabulary, bool byte_level) {
  std::array<int32_t, 256> ids{};
  ids.fill(-1);
  if (byte_level) {
    for (int b = 0; b < 256; ++b) {
      const char c = static_cast<char>(b);
      ids[size_t(b)] = vocabulary.find({&c, 1});
    }
    return ids;
  }
  for (int32_t id = 0; id < vocabulary.size(); ++id)
    if (const auto byte = byte_of(vocabulary[id]); byte && ids[*byte] < 0) ids[*byte] = id;
  return ids;
}

Result<MergePair> split_merge(std::string_view line, size_t index) {
  const size_t space = line.find(' ', 1);
  if (line.empty() || space == std::string_view::npos || space + 1 == line.size()) {
    return fail(ErrorId::malformed,
                fmt::format("merge {} is \"{}\", not two tokens", index, printable(line)));
  }
  return MergePair{line.substr(0, space), line.substr(space + 1)};
}

Result<std::unique_ptr<const TokenModel>> make_bpe(std::shared_ptr<const Vocabulary> vocabulary,
                                                   size_t count, const NextMerges& next,
                                                   BpeOptions options, Ledger& ledger,
                                                   size_t* left_out) {
  MergeTable table;
  TRY(table.reserve(count, ledger));
  MergeReader reader(*vocabulary, options, table, left_out);
  std::array<MergePair, MergeReader::kBlock> block;
  for (size_t first = 0; first < count; first += block.size()) {
    const auto some = std::span(block).first(std::min(block.size(), count - first));
    TRY(next(some));
    TRY(reader.add(some, first));
  }
  const bool is_separable = reader.is_separable();
  const auto bytes = byte_ids(*vocabulary, options.byte_level);
  return std::unique_ptr<const TokenModel>(TRY(
      Bpe::make(std::move(vocabulary), std::move(table), std::move(options), bytes, is_separable)));
}

Result<std::unique_ptr<const TokenModel>> make_bpe(std::shared_ptr<const Vocabulary> vocabulary,
                                                   const std::vector<MergePair>& merges,
                                                   BpeOptions options, Ledger& ledger) {
  auto at = merges.begin();
  const auto next = [&](std::span<MergePair> some) -> Status {
    for (MergePair& merge : some) merge = *at++;
    return ok();
  };
  return make_bpe(std::move(vocabulary), merges.size(), next, std::move(options), ledger);
}

void mark_special(Parts& parts, int32_t id) {
  if (!parts.vocabulary->has(id)) return;
  if (parts.is_special.size() <= size_t(id)) parts.is_special.resize(size_t(id) + 1);
  parts.is_special[size_t(id)] = 1;
}

void find_end_ids(Parts& parts) {
  std::vector<int32_t> ids;
  bool has_return = false;
  const auto special = [&](int32_t id) {
    return size_t(id) < parts.is_special.size() && parts.is_special[size_t(id)] != 0;
  };
  for (int32_t id = 0; id < parts.vocabulary->size(); ++id) {
    const std::string_view token = (*parts.vocabulary)[id];
    if (!special(id) || std::ranges::find(kEndNames, token) == kEndNames.end()) continue;
    ids.push_back(id);
    has_return = has_return || token == "<|return|>";
    if (!parts.special.end_of_turn && std::ranges::find(kTurnNames, token) != kTurnNames.end())
      parts.special.end_of_turn = id;
  }
  // Where messages end with "return" or "call", "end" only separates them.
  if (has_return)
    std::erase_if(ids, [&](int32_t id) { return (*parts.vocabulary)[id] == "<|end|>"; });
  if (parts.special.eos) ids.push_back(*parts.special.eos);
  std::ranges::sort(ids);
  const auto twice = std::ranges::unique(ids);
  ids.erase(twice.begin(), twice.end());
  parts.end_ids = std::move(ids);
}

}  // namespace hone::tokenizer
