// Finds which of a few texts, the longest, begins at a place of another text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace hone::tokenizer {

class LongestMatch {
 public:
  struct Entry {
    std::string text;
    int32_t value;
  };
  // Empty texts are left out; of equal ones the first counts.
  static Result<LongestMatch> make(std::vector<Entry> entries, Ledger& ledger);

  bool empty() const { return entries_.empty(); }
  const std::vector<Entry>& entries() const { return entries_; }  // sorted by text
  // Can a text begin with this byte?
  bool begins(char c) const { return first_[static_cast<unsigned char>(c)]; }
  // The longest entry that `accept(value, end)` takes; null when none begins at `at`.
  template <class Accept>
  const Entry* find(std::string_view text, size_t at, const Accept& accept) const {
    if (at >= text.size() || !begins(text[at])) return nullptr;
    size_t low = 0, high = entries_.size();
    const Entry* best = nullptr;
    for (size_t depth = 0; low < high; ++depth) {
      if (entries_[low].text.size() == depth) {  // sorted: the shortest comes first
        if (accept(entries_[low].value, at + depth)) best = &entries_[low];
        ++low;
      }
      if (at + depth >= text.size()) break;
      narrow(low, high, depth, static_cast<unsigned char>(text[at + depth]));
    }
    return best;
  }

 private:
  void narrow(size_t& low, size_t& high, size_t depth, unsigned char byte) const;
  std::vector<Entry> entries_;  // sorted by text
  std::array<bool, 256> first_{};
};

class FieldReader;
class FieldWriter;
Status store(FieldWriter& fields, const LongestMatch& match);
Result<LongestMatch> read_longest_match(FieldReader& fields);

}  // namespace hone::tokenizer
