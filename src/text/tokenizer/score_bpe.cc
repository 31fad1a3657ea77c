// The merges of SentencePiece BPE: by scanning short words, with a heap for long ones.
#include "text/tokenizer/score_bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/tokenizer/build.h"
#include "text/tokenizer/fields.h"
#include "text/tokenizer/merge_table.h"
#include "text/tokenizer/unicode.h"
#include "text/tokenizer/words.h"

namespace hone::tokenizer {
namespace {

constexpr size_t kFew = 40;  // symbols that are scanned faster than a heap is kept

// Ranks in the order of falling scores.
Result<std::vector<uint32_t>> ranks_of(const std::vector<float>& scores, Ledger& ledger) {
  TRY(ledger.charge(scores.size() * 8, "scores"));
  std::vector<int32_t> order(scores.size());
  for (size_t i = 0; i < order.size(); ++i) {
    if (!std::isfinite(scores[i]))
      return fail(ErrorId::malformed, fmt::format("the score of token {} is not a number", i));
    order[i] = static_cast<int32_t>(i);
  }
  const auto score = [&](int32_t id) { return scores[size_t(id)]; };
  std::ranges::sort(order, [&](int32_t a, int32_t b) { return score(a) > score(b); });
  std::vector<uint32_t> ranks(scores.size());
  uint32_t rank = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && score(order[i]) < score(order[i - 1])) ++rank;
    ranks[size_t(order[i])] = rank;
  }
  return ranks;
}

}  // namespace

Result<std::unique_ptr<ScoreBpe>> ScoreBpe::make(std::shared_ptr<const Vocabulary> vocabulary,
                                                 std::vector<float> scores, Options options,
                                                 Ledger& ledger) {
  if (scores.size() != size_t(vocabulary->size())) {
    return fail(ErrorId::malformed,
                fmt::format("{} scores for {} tokens", scores.size(), vocabulary->size()));
  }
  auto made = std::make_unique<ScoreBpe>();
  made->ranks_ = TRY(ranks_of(scores, ledger));
  made->separable_ = options.whole.empty() && separable(*vocabulary);
  made->vocabulary_ = std::move(vocabulary);
  made->options_ = std::move(options);
  return made;
}

std::vector<float> ScoreBpe::scores() const {
  std::vector<float> out;
  for (const uint32_t rank : ranks_) out.push_back(-float(rank));
  return out;
}

void ScoreBpe::start(std::string_view word, Scratch& scratch) const {
  scratch.symbols.clear();
  scratch.parts.clear();
  const auto any = [](int32_t, size_t) { return true; };
  for (size_t at = 0; at < word.size();) {
    const auto* whole = options_.whole.find(word, at, any);
    const size_t end = at + (whole ? whole->text.size() : char_length(word, at));
    const auto n = static_cast<int32_t>(scratch.symbols.size());
    scratch.symbols.push_back({.begin = uint32_t(at),
                               .end = uint32_t(end),
                               .previous = n - 1,
                               .next = end < word.size() ? n + 1 : -1,
                               .id = 0,
                               .rank = 0,
                               .merged = 0,
                               .frozen = whole != nullptr});
    at = end;
  }
}

void ScoreBpe::rank(std::string_view word, int32_t left, Scratch& scratch) const {
  auto& symbol = scratch.symbols[size_t(left)];
  symbol.rank = MergeTable::kNever;
  if (symbol.next < 0 || symbol.frozen) return;
  const auto& next = scratch.symbols[size_t(symbol.next)];
  if (next.frozen || next.end - symbol.begin > vocabulary_->longest()) return;
  const int32_t id = vocabulary_->find(word.substr(symbol.begin, next.end - symbol.begin));
  if (id < 0) return;
  symbol.rank = ranks_[size_t(id)];
  if (!options_.unused.empty() && options_.unused[size_t(id)] != 0)
    scratch.parts.push_back({symbol.begin, next.begin, next.end});
}

void ScoreBpe::encode(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const {
  start(word, scratch);
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  heap.clear();
  const bool few = symbols.size() <= kFew;
  const auto later = [](const Scratch::Candidate& a, const Scratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  };
  const auto look = [&](int32_t left) {
    rank(word, left, scratch);
    const uint32_t found = symbols[size_t(left)].rank;
    if (few || found == MergeTable::kNever) return;
    heap.push_back({found, left});
    std::push_heap(heap.begin(), heap.end(), later);
  };
  // The next pair to merge, -1 when there is none.
  const auto best = [&]() -> int32_t {
    if (few) {
      int32_t found = -1;
      uint32_t lowest = MergeTable::kNever;
      for (int32_t i = 0; i >= 0; i = symbols[size_t(i)].next) {
        if (symbols[size_t(i)].rank < lowest) lowest = symbols[size_t(found = i)].rank;
      }
      return found;
    }
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), later);
      const auto [expected, left] = heap.back();
      heap.pop_back();
      const auto& symbol = symbols[size_t(left)];
      if (symbol.end != 0 && symbol.rank == expected) return left;
    }
    return -1;
  };
  const auto n = static_cast<int32_t>(symbols.size());
  if (n == 0) return;
  for (int32_t i = 0; i < n; ++i) look(i);
  for (int32_t left; (left = best()) >= 0;) {
    auto& symbol = symbols[size_t(left)];
    auto& gone = symbols[size_t(symbol.next)];
    symbol.end = gone.end;
    symbol.next = gone.next;
    gone.end = 0;
    if (symbol.next >= 0) symbols[size_t(symbol.next)].previous = left;
    look(left);
    if (symbol.previous >= 0) look(symbol.previous);
  }
  for (int32_t i = 0; i >= 0; i = symbols[size_t(i)].next) {
    const auto& symbol = symbols[size_t(i)];
    emit(word, word.substr(symbol.begin, symbol.end - symbol.begin), ids, scratch);
  }
}

void ScoreBpe::emit(std::string_view word, std::string_view piece, std::vector<int32_t>& ids,
                    Scratch& scratch) const {
  const int32_t id = vocabulary_->find(piece);
  if (id < 0)
    encode_bytes(piece, ids, scratch);
  else if (options_.unused.empty() || options_.unused[size_t(id)] == 0)
    ids.push_back(id);
  else
    take_apart(word, piece, ids, scratch);
}

// A token that is only a step of merges: the parts that were last seen side by side, and their
// parts. Parts are shorter than the whole, so that this ends.
void ScoreBpe::take_apart(std::string_view word, std::string_view piece, std::vector<int32_t>& ids,
                          Scratch& scratch) const {
  std::vector<std::string_view> left{piece};
  while (!left.empty()) {
    const std::string_view part = left.back();
    left.pop_back();
    const auto& seen = scratch.parts;
    const auto last = std::find_if(seen.rbegin(), seen.rend(), [&](const Scratch::Parts& p) {
      return word.substr(p.begin, p.end - p.begin) == part;
    });
    const int32_t id = vocabulary_->find(part);
    if (id < 0) {
      encode_bytes(part, ids, scratch);
    } else if (options_.unused[size_t(id)] == 0 || last == seen.rend()) {
      ids.push_back(id);
    } else {
      left.push_back(part.substr(last->middle - last->begin));
      left.push_back(part.substr(0, last->middle - last->begin));
    }
  }
}

void ScoreBpe::encode_bytes(std::string_view bytes, std::vector<int32_t>& ids, Scratch&) const {
  if (options_.byte_fallback) {
    for (const char c : bytes) {
      const int32_t id = options_.bytes[static_cast<unsigned char>(c)];
      if (id >= 0 || options_.unknown >= 0) ids.push_back(id >= 0 ? id : options_.unknown);
    }
    return;
  }
  if (options_.unknown < 0) return;
  if (ids.empty() || ids.back() != options_.unknown) ids.push_back(options_.unknown);
}

Status ScoreBpe::store(FieldWriter& fields) const {
  TRY(fields.numbers(ranks_));
  TRY(fields.id(options_.unknown));
  TRY(fields.flag(options_.byte_fallback));
  TRY(fields.numbers(options_.unused));
  TRY(hone::tokenizer::store(fields, options_.whole));
  return fields.flag(separable_);
}

Result<std::unique_ptr<const TokenModel>> ScoreBpe::read(
    FieldReader& fields, std::shared_ptr<const Vocabulary> vocabulary) {
  auto made = std::make_unique<ScoreBpe>();
  Options& options = made->options_;
  TRY(fields.numbers(made->ranks_));
  TRY(fields.id(options.unknown));
  TRY(fields.flag(options.byte_fallback));
  TRY(fields.numbers(options.unused));
  options.whole = TRY(read_longest_match(fields));
  TRY(fields.flag(made->separable_));
  const auto count = size_t(vocabulary->size());
  if (made->ranks_.size() != count || (!options.unused.empty() && options.unused.size() != count))
    return fields.wrong("scores of other tokens");
  options.bytes = byte_ids(*vocabulary, false);
  made->vocabulary_ = std::move(vocabulary);
  return std::unique_ptr<const TokenModel>(std::move(made));
}

}  // namespace hone::tokenizer
