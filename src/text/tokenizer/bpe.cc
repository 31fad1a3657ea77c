// Merges of the lowest rank first, the leftmost of equal ones: by scanning short words, with a heap
// for long ones.
#include "text/tokenizer/bpe.h"

#include <algorithm>

#include "text/tokenizer/build.h"
#include "text/tokenizer/fields.h"
#include "text/tokenizer/unicode.h"

namespace hone::tokenizer {
namespace {

constexpr size_t kFew = 48;  // symbols that are scanned faster than a heap is kept

}  // namespace

Result<std::unique_ptr<Bpe>> Bpe::make(std::shared_ptr<const Vocabulary> vocabulary,
                                       MergeTable merges, BpeOptions options,
                                       const std::array<int32_t, 256>& bytes, bool separable) {
  auto made = std::make_unique<Bpe>();
  made->vocabulary_ = std::move(vocabulary);
  made->merges_ = std::move(merges);
  made->options_ = std::move(options);
  made->bytes_ = bytes;
  made->last_bytes_ = bytes;
  if (made->options_.byte_level && !made->options_.suffix.empty()) {
    for (int b = 0; b < 256; ++b)
      made->last_bytes_[size_t(b)] =
          made->vocabulary_->find(std::string(1, static_cast<char>(b)) + made->options_.suffix);
  }
  made->separable_ = separable;
  return made;
}

std::vector<std::pair<int32_t, int32_t>> Bpe::merges() const {
  std::vector<std::pair<int32_t, int32_t>> out;
  for (const MergeTable::Listed& merge : merges_.list()) out.emplace_back(merge.left, merge.right);
  return out;
}

std::vector<float> Bpe::scores() const {
  const auto list = merges_.list();
  const bool plain = options_.prefix.empty() && options_.suffix.empty();
  if (!plain || options_.byte_level || options_.ignore_merges) return {};
  // What no merge makes is not made.
  const auto count = float(list.size());
  std::vector<float> out(size_t(vocabulary_->size()));
  for (size_t id = 0; id < out.size(); ++id) out[id] = -count - float(id);
  for (size_t rank = list.size(); rank-- > 0;) out[size_t(list[rank].result)] = -float(rank);
  return out;
}

void Bpe::push(int32_t id, size_t begin, size_t end, Scratch& scratch) const {
  auto& symbols = scratch.symbols;
  if (id < 0) {
    id = options_.unknown;
    if (id < 0) return;
    if (options_.fuse_unknown && !symbols.empty() && symbols.back().id == id) return;
  }
  symbols.push_back({.begin = uint32_t(begin),
                     .end = uint32_t(end),
                     .previous = 0,
                     .next = 0,
                     .id = id,
                     .rank = 0,
                     .merged = 0});
}

void Bpe::start_character(std::string_view word, size_t at, size_t end, Scratch& scratch) const {
  int32_t id;
  const bool prefixed = at > 0 && !options_.prefix.empty();
  const bool suffixed = end == word.size() && !options_.suffix.empty();
  if (prefixed || suffixed) {
    const std::string token = (prefixed ? options_.prefix : "") +
                              std::string(word.substr(at, end - at)) +
                              (suffixed ? options_.suffix : "");
    id = vocabulary_->find(token);
  } else {
    id = vocabulary_->find(word.substr(at, end - at));
  }
  if (id < 0 && options_.byte_fallback) {
    const auto byte_id = [&](size_t i) { return bytes_[static_cast<unsigned char>(word[i])]; };
    bool all = true;
    for (size_t i = at; i < end; ++i) all = all && byte_id(i) >= 0;
    if (all) {
      for (size_t i = at; i < end; ++i) push(byte_id(i), i, i + 1, scratch);
      return;
    }
  }
  push(id, at, end, scratch);
}

void Bpe::start(std::string_view word, Scratch& scratch) const {
  scratch.symbols.clear();
  if (options_.byte_level) {
    for (size_t i = 0; i < word.size(); ++i) {
      const auto& ids = i + 1 == word.size() ? last_bytes_ : bytes_;
      push(ids[static_cast<unsigned char>(word[i])], i, i + 1, scratch);
    }
    return;
  }
  for (size_t at = 0; at < word.size();) {
    const size_t end = at + char_length(word, at);
    start_character(word, at, end, scratch);
    at = end;
  }
}

void Bpe::encode(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const {
  if (options_.ignore_merges) {
    if (const int32_t id = vocabulary_->find(word); id >= 0) {
      ids.push_back(id);
      return;
    }
  }
  start(word, scratch);
  if (scratch.symbols.size() <= kFew)
    merge_few(scratch, ids);
  else
    merge_many(scratch, ids);
}

void Bpe::encode_bytes(std::string_view bytes, std::vector<int32_t>& ids, Scratch& scratch) const {
  if (options_.byte_level) {
    encode(bytes, ids, scratch);
    return;
  }
  scratch.symbols.clear();
  for (size_t i = 0; i < bytes.size(); ++i) {
    push(options_.byte_fallback ? bytes_[static_cast<unsigned char>(bytes[i])] : -1, i, i + 1,
         scratch);
  }
  for (const auto& symbol : scratch.symbols) ids.push_back(symbol.id);
}

void Bpe::merge_few(Scratch& scratch, std::vector<int32_t>& ids) const {
  auto& symbols = scratch.symbols;
  size_t n = symbols.size();
  const auto rank = [&](size_t i) {
    const auto merge = merges_.find(symbols[i].id, symbols[i + 1].id);
    symbols[i].rank = merge.rank;
    symbols[i].merged = merge.result;
  };
  for (size_t i = 0; i + 1 < n; ++i) rank(i);
  while (n > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < n; ++i)
      if (symbols[i].rank < symbols[best].rank) best = i;
    if (symbols[best].rank == MergeTable::kNever) break;
    symbols[best].id = symbols[best].merged;
    for (size_t i = best + 1; i + 1 < n; ++i) symbols[i] = symbols[i + 1];
    --n;
    if (best + 1 < n) rank(best);
    if (best > 0) rank(best - 1);
  }
  for (size_t i = 0; i < n; ++i) ids.push_back(symbols[i].id);
}

void Bpe::merge_many(Scratch& scratch, std::vector<int32_t>& ids) const {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  heap.clear();
  const auto later = [](const Scratch::Candidate& a, const Scratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  };
  const auto rank = [&](int32_t left) {
    auto& symbol = symbols[size_t(left)];
    symbol.rank = MergeTable::kNever;
    if (symbol.next < 0) return;
    const auto merge = merges_.find(symbol.id, symbols[size_t(symbol.next)].id);
    symbol.rank = merge.rank;
    symbol.merged = merge.result;
    if (merge.rank == MergeTable::kNever) return;
    heap.push_back({merge.rank, left});
    std::push_heap(heap.begin(), heap.end(), later);
  };
  const auto n = static_cast<int32_t>(symbols.size());
  for (int32_t i = 0; i < n; ++i) {
    symbols[size_t(i)].previous = i - 1;
    symbols[size_t(i)].next = i + 1 < n ? i + 1 : -1;
  }
  for (int32_t i = 0; i < n; ++i) rank(i);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const auto [best, left] = heap.back();
    heap.pop_back();
    auto& symbol = symbols[size_t(left)];
    // What has been merged since, on either side, has another rank or is gone.
    if (symbol.id < 0 || symbol.rank != best) continue;
    auto& gone = symbols[size_t(symbol.next)];
    symbol.id = symbol.merged;
    symbol.next = gone.next;
    gone.id = -1;
    if (symbol.next >= 0) symbols[size_t(symbol.next)].previous = left;
    rank(left);
    if (symbol.previous >= 0) rank(symbol.previous);
  }
  for (int32_t i = 0; i >= 0 && i < n; i = symbols[size_t(i)].next)
    ids.push_back(symbols[size_t(i)].id);
}

namespace {

template <class Fields>
Status put(Fields& f, BpeOptions& o) {
  for (bool* flag : {&o.ignore_merges, &o.byte_fallback, &o.fuse_unknown}) TRY(f.flag(*flag));
  TRY(f.id(o.unknown));
  TRY(f.text(o.prefix));
  return f.text(o.suffix);
}

}  // namespace

Status Bpe::store(FieldWriter& fields) const {
  BpeOptions options = options_;
  TRY(put(fields, options));
  TRY(fields.flag(separable_));
  return merges_.store(fields);
}

Result<std::unique_ptr<const TokenModel>> Bpe::read(FieldReader& fields,
                                                    std::shared_ptr<const Vocabulary> vocabulary,
                                                    bool byte_level) {
  BpeOptions options;
  options.byte_level = byte_level;
  TRY(put(fields, options));
  bool separable = false;
  TRY(fields.flag(separable));
  MergeTable merges;
  TRY(merges.read(fields));
  const auto bytes = byte_ids(*vocabulary, byte_level);
  return std::unique_ptr<const TokenModel>(
      TRY(make(std::move(vocabulary), std::move(merges), std::move(options), bytes, separable)));
}

}  // namespace hone::tokenizer
