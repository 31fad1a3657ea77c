// The tokens of a vocabulary in one flat text, and the ids of those that a text can become.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "text/tokenizer/hash.h"
#include "text/tokenizer/slots.h"

namespace hone::tokenizer {

class FieldReader;
class FieldWriter;

class Vocabulary {
 public:
  static constexpr int32_t kNone = -1;
  static constexpr size_t kMost = 1 << 24;  // tokens

  // The next id. Tokens that are not `found` have an id and no entry in the index: special tokens,
  // which no text may become by chance.
  Status append(std::string_view token, bool found, Ledger& ledger);
  // After the last append(). Of equal tokens the first counts.
  Status index(Ledger& ledger);
  // All tokens, as read() takes them; the index is made anew.
  Status store(FieldWriter& fields) const;
  Status read(FieldReader& fields);

  int32_t size() const { return static_cast<int32_t>(ends_.size()); }
  std::string_view operator[](int32_t id) const {
    const size_t begin = id == 0 ? 0 : ends_[size_t(id) - 1];
    return std::string_view(text_).substr(begin, ends_[size_t(id)] - begin);
  }
  bool has(int32_t id) const { return id >= 0 && id < size(); }
  bool found(int32_t id) const { return found_[size_t(id)] != 0; }

  int32_t find(std::string_view token) const { return find(token, hash_(token)); }
  // With the hash that hash() gives; prefetch() calls for its place in good time.
  uint64_t hash(std::string_view token) const { return hash_(token); }
  void prefetch(uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & slots_.mask()]);
  }
  // And, once that place is at hand, for the token it speaks of.
  void prefetch_token(uint64_t hash) const {
    if (slots_.empty()) return;
    const Slot slot = slots_[hash & slots_.mask()];
    if (slot.number > 1) __builtin_prefetch(text_.data() + ends_[slot.number - 2]);
  }
  int32_t find(std::string_view token, uint64_t hash) const {
    if (slots_.empty()) return kNone;
    const auto tag = static_cast<uint32_t>(hash >> 32);
    for (size_t at = hash & slots_.mask();; at = (at + 1) & slots_.mask()) {
      const Slot slot = slots_[at];
      if (slot.number == 0) return kNone;
      if (slot.tag == tag && (*this)[slot.id()] == token) return slot.id();
    }
  }
  // Also among tokens that are not in the index; slower.
  int32_t find_any(std::string_view token) const;
  size_t longest() const { return longest_; }  // bytes

 private:
  void put(int32_t id, uint64_t hash);  // into the index
  struct Slot {
    uint32_t tag;
    uint32_t number;  // id + 1; 0: empty
    int32_t id() const { return static_cast<int32_t>(number) - 1; }
  };
  KeyedHash hash_;
  std::string text_;
  std::vector<uint32_t> ends_;
  std::vector<uint8_t> found_;
  Slots<Slot> slots_;
  size_t longest_ = 0;
};

}  // namespace hone::tokenizer
