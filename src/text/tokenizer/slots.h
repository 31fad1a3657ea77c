// The places of a hash table: zeros at first, in large pages where there are many.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

#include "base/limits.h"
#include "base/pages.h"

namespace hone::tokenizer {

// Slot is a plain struct of which zeros mean an empty place.
template <class Slot>
class Slots {
  static_assert(std::is_trivially_copyable_v<Slot>);

 public:
  // `count` is a power of two. Only once.
  Status make(uint64_t count, Ledger& ledger, std::string_view what) {
    TRY(ledger.charge(count * sizeof(Slot), what));
    memory_ = zeroed_memory(count * sizeof(Slot));
    if (!memory_) return fail(ErrorId::over_memory, "the system gave no more memory");
    mask_ = count - 1;
    return ok();
  }
  bool empty() const { return !memory_; }
  size_t mask() const { return mask_; }
  // At a place below mask() + 1.
  Slot& operator[](size_t at) { return reinterpret_cast<Slot*>(memory_.get())[at]; }
  const Slot& operator[](size_t at) const {
    return reinterpret_cast<const Slot*>(memory_.get())[at];
  }

 private:
  std::shared_ptr<std::byte> memory_;
  size_t mask_ = 0;
};

}  // namespace hone::tokenizer
