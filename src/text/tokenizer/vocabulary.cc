// Fills the flat text, and the index, a table with open addressing that is at most half full.
#include "text/tokenizer/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "text/tokenizer/fields.h"

namespace hone::tokenizer {

Status Vocabulary::append(std::string_view token, bool found, Ledger& ledger) {
  if (ends_.size() >= kMost)
    return fail(ErrorId::over_size, fmt::format("a vocabulary of more than {} tokens", kMost));
  if (token.size() > ledger.limits().name || token.size() > UINT32_MAX - text_.size()) {
    return fail(ErrorId::over_size, fmt::format("token {} has {} bytes; the limit `name` is {}",
                                                ends_.size(), token.size(), ledger.limits().name));
  }
  if (token.size() > text_.capacity() - text_.size()) {
    const size_t capacity = std::max(text_.capacity() * 2, text_.size() + token.size());
    TRY(ledger.charge(capacity - text_.capacity(), "the vocabulary"));
    text_.reserve(capacity);
  }
  TRY(reserve_charged(ledger, ends_, 1, "the vocabulary"));
  TRY(reserve_charged(ledger, found_, 1, "the vocabulary"));
  text_ += token;
  ends_.push_back(static_cast<uint32_t>(text_.size()));
  found_.push_back(found && !token.empty());
  if (found) longest_ = std::max(longest_, token.size());
  return ok();
}

Status Vocabulary::index(Ledger& ledger) {
  const size_t count = std::bit_ceil(ends_.size() * 2 + 2);
  TRY(slots_.make(count, ledger, "the index of the vocabulary"));
  // Some at a time, so that memory is waited for once for all of them.
  constexpr int32_t kBlock = 16;
  std::array<uint64_t, kBlock> hashes;
  for (int32_t first = 0; first < size(); first += kBlock) {
    const int32_t end = std::min(size(), first + kBlock);
    for (int32_t id = first; id < end; ++id) {
      if (!found(id)) continue;
      hashes[size_t(id - first)] = hash_((*this)[id]);
      prefetch(hashes[size_t(id - first)]);
    }
    for (int32_t id = first; id < end; ++id)
      if (found(id)) put(id, hashes[size_t(id - first)]);
  }
  return ok();
}

void Vocabulary::put(int32_t id, uint64_t hash) {
  const auto tag = static_cast<uint32_t>(hash >> 32);
  size_t at = hash & slots_.mask();
  while (slots_[at].number != 0 &&
         (slots_[at].tag != tag || (*this)[slots_[at].id()] != (*this)[id]))
    at = (at + 1) & slots_.mask();
  if (slots_[at].number == 0) slots_[at] = {tag, static_cast<uint32_t>(id) + 1};
}

Status Vocabulary::store(FieldWriter& fields) const {
  TRY(fields.numbers(ends_));
  TRY(fields.numbers(found_));
  return fields.text(text_);
}

Status Vocabulary::read(FieldReader& fields) {
  TRY(fields.numbers(ends_));
  TRY(fields.numbers(found_));
  TRY(fields.text(text_));
  if (ends_.size() > kMost)
    return fail(ErrorId::over_size, fmt::format("a vocabulary of more than {} tokens", kMost));
  if (found_.size() != ends_.size() || text_.size() > UINT32_MAX)
    return fields.wrong("a vocabulary whose lists differ in length");
  uint32_t begin = 0;
  for (size_t i = 0; i < ends_.size(); begin = ends_[i++]) {
    if (ends_[i] < begin || ends_[i] > text_.size())
      return fields.wrong("a token that lies outside the vocabulary");
    const size_t length = ends_[i] - begin;
    if (length > fields.ledger().limits().name)
      return fail(ErrorId::over_size, fmt::format("token {} has {} bytes", i, length));
    if (found_[i] > 1 || (found_[i] == 1 && length == 0))
      return fields.wrong("a token that cannot be found");
    if (found_[i] == 1) longest_ = std::max(longest_, length);
  }
  if (begin != text_.size()) return fields.wrong("a vocabulary with bytes that are no token's");
  return index(fields.ledger());
}

int32_t Vocabulary::find_any(std::string_view token) const {
  if (const int32_t id = find(token); id != kNone) return id;
  for (int32_t id = 0; id < size(); ++id)
    if (!found(id) && (*this)[id] == token && !token.empty()) return id;
  return kNone;
}

}  // namespace hone::tokenizer
