// The merges of a byte pair encoding: pairs of ids to rank and result.
#pragma once

#include <cstdint>
#include <vector>

#include "base/limits.h"
#include "text/tokenizer/hash.h"
#include "text/tokenizer/slots.h"

namespace hone::tokenizer {

class FieldReader;
class FieldWriter;

class MergeTable {
 public:
  static constexpr uint32_t kNever = UINT32_MAX;
  struct Merge {
    uint32_t rank = kNever;
    int32_t result = -1;
  };

  // All of them, in the order of their ranks.
  struct Listed {
    int32_t left, right, result;
  };
  std::vector<Listed> list() const;

  // Room for `count` merges.
  Status reserve(uint64_t count, Ledger& ledger);
  // Of equal pairs the first one counts.
  void add(int32_t left, int32_t right, Merge merge) {
    Slot& slot = slots_[place(key_of(left, right))];
    if (slot.key == 0) slot = {key_of(left, right), merge};
  }
  void prefetch(int32_t left, int32_t right) const {
    __builtin_prefetch(&slots_[hash_(key_of(left, right)) & slots_.mask()]);
  }
  Merge find(int32_t left, int32_t right) const {
    if (slots_.empty()) return {};
    const Slot& slot = slots_[place(key_of(left, right))];
    return slot.key == 0 ? Merge() : slot.merge;
  }

  // Left, right and result of each, in the order of their ranks.
  Status store(FieldWriter& fields) const;
  Status read(FieldReader& fields);

 private:
  struct Slot {
    uint64_t key;  // 0: empty
    Merge merge;
  };
  static uint64_t key_of(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left) + 1} << 32 | static_cast<uint32_t>(right);
  }
  size_t place(uint64_t key) const {
    size_t at = hash_(key) & slots_.mask();
    while (slots_[at].key != key && slots_[at].key != 0) at = (at + 1) & slots_.mask();
    return at;
  }
  KeyedHash hash_;
  Slots<Slot> slots_;
};

}  // namespace hone::tokenizer
