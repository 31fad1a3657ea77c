// A sorted list, in which each byte of the text narrows down what can still match.
#include "text/tokenizer/longest_match.h"

#include <algorithm>

#include "text/tokenizer/fields.h"

namespace hone::tokenizer {

Result<LongestMatch> LongestMatch::make(std::vector<Entry> entries, Ledger& ledger) {
  uint64_t bytes = 0;
  for (const Entry& entry : entries) bytes += sizeof(Entry) + entry.text.size();
  TRY(ledger.charge(bytes, "added tokens"));
  std::erase_if(entries, [](const Entry& entry) { return entry.text.empty(); });
  std::ranges::stable_sort(entries, {}, &Entry::text);
  const auto twice = std::ranges::unique(entries, {}, &Entry::text);
  entries.erase(twice.begin(), twice.end());
  LongestMatch made;
  made.entries_ = std::move(entries);
  for (const Entry& entry : made.entries_)
    made.first_[static_cast<unsigned char>(entry.text[0])] = true;
  return made;
}

void LongestMatch::narrow(size_t& low, size_t& high, size_t depth, unsigned char byte) const {
  const auto at = [&](const Entry& entry) { return static_cast<unsigned char>(entry.text[depth]); };
  const auto begin = entries_.begin();
  const auto first = begin + static_cast<ptrdiff_t>(low),
             last = begin + static_cast<ptrdiff_t>(high);
  const auto from = std::partition_point(first, last, [&](const Entry& e) { return at(e) < byte; });
  const auto to = std::partition_point(from, last, [&](const Entry& e) { return at(e) == byte; });
  low = static_cast<size_t>(from - begin);
  high = static_cast<size_t>(to - begin);
}

Status store(FieldWriter& fields, const LongestMatch& match) {
  return fields.list(match.entries(), [&](LongestMatch::Entry& entry) -> Status {
    TRY(fields.text(entry.text));
    return fields.number(entry.value);
  });
}

Result<LongestMatch> read_longest_match(FieldReader& fields) {
  std::vector<LongestMatch::Entry> entries;
  TRY(fields.list(entries, [&](LongestMatch::Entry& entry) -> Status {
    TRY(fields.characters(entry.text));
    return fields.id(entry.value);
  }));
  return LongestMatch::make(std::move(entries), fields.ledger());
}

}  // namespace hone::tokenizer
