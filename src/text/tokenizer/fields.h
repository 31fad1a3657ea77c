// The fields of a stored tokenizer: written and read in the same order, by the same functions.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/result.h"

namespace hone::tokenizer {

// Numbers are little endian, as wide as their type; texts and lists begin with their length (u32).
class FieldWriter {
 public:
  static constexpr bool kReads = false;
  template <class T>
  Status number(const T& value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return ok();
  }
  template <class T>
  Status choice(const T& value, T) {
    return number(value);
  }
  Status flag(bool value) { return number(uint8_t{value}); }
  Status id(int32_t value) { return number(value); }
  Status text(std::string_view value) {
    TRY(number(static_cast<uint32_t>(value.size())));
    out_ += value;
    return ok();
  }
  Status characters(std::string_view value) { return text(value); }
  template <class T>
  Status numbers(std::span<const T> values) {
    TRY(number(static_cast<uint32_t>(values.size())));
    out_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
    return ok();
  }
  template <class T>
  Status numbers(const std::vector<T>& values) {
    return numbers(std::span<const T>(values));
  }
  Status ids(const std::vector<int32_t>& values) { return numbers(values); }
  // `each` of every element.
  template <class T, class Each>
  Status list(const std::vector<T>& items, const Each& each) {
    TRY(number(static_cast<uint32_t>(items.size())));
    for (const T& item : items) {
      T copy = item;  // the same functions read and write
      TRY(each(copy));
    }
    return ok();
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Trusts nothing: lengths are compared with what is there, choices and ids with what they may be.
class FieldReader {
 public:
  static constexpr bool kReads = true;
  FieldReader(std::span<const std::byte> bytes, Ledger& ledger) : cursor_(bytes), ledger_(ledger) {}

  template <class T>
  Status number(T& value) {
    value = TRY(cursor_.read<T>(kWhat));
    return ok();
  }
  // An enumerator up to `last`.
  template <class T>
  Status choice(T& value, T last) {
    using Number = std::underlying_type_t<T>;
    const auto found = TRY(cursor_.read<Number>(kWhat));
    if (found > static_cast<Number>(last)) return wrong("a kind that there is not");
    value = static_cast<T>(found);
    return ok();
  }
  Status flag(bool& value) {
    const auto found = TRY(cursor_.read<uint8_t>(kWhat));
    if (found > 1) return wrong("a flag that is neither 0 nor 1");
    value = found == 1;
    return ok();
  }
  // Of a token, or -1 for none.
  Status id(int32_t& value) {
    TRY(number(value));
    return value >= -1 && value < token_count_ ? ok() : Status(wrong("a token that there is not"));
  }
  Status text(std::string& value) {
    const auto size = TRY(cursor_.read<uint32_t>(kWhat));
    const std::string_view found = TRY(cursor_.take_text(size, kWhat));
    TRY(ledger_.charge(size, kWhat));
    value = found;
    return ok();
  }
  // A text of whole characters.
  Status characters(std::string& value);
  template <class T>
  Status numbers(std::vector<T>& values) {
    const auto count = TRY(cursor_.read<uint32_t>(kWhat));
    const auto bytes = TRY(cursor_.take(uint64_t{count} * sizeof(T), kWhat));
    TRY(ledger_.charge(bytes.size(), kWhat));
    values.resize(count);
    if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    return ok();
  }
  Status ids(std::vector<int32_t>& values) {
    TRY(numbers(values));
    for (const int32_t value : values)
      if (value < 0 || value >= token_count_) return wrong("a token that there is not");
    return ok();
  }
  template <class T, class Each>
  Status list(std::vector<T>& items, const Each& each) {
    const auto count = TRY(cursor_.read<uint32_t>(kWhat));
    if (count > cursor_.remaining()) return wrong("a list that is longer than the rest");
    for (uint32_t i = 0; i < count; ++i) {
      TRY(reserve_charged(ledger_, items, 1, kWhat));
      TRY(each(items.emplace_back()));
    }
    return ok();
  }
  Result<std::span<const std::byte>> bytes() {
    const auto size = TRY(cursor_.read<uint32_t>(kWhat));
    return cursor_.take(size, kWhat);
  }

  // Ids are below.
  void set_token_count(int32_t count) { token_count_ = count; }
  Ledger& ledger() { return ledger_; }
  bool done() const { return cursor_.done(); }
  Error wrong(std::string_view what) const;

 private:
  static constexpr std::string_view kWhat = "the stored tokenizer";
  Cursor cursor_;
  Ledger& ledger_;
  int32_t token_count_ = 0;
};

}  // namespace hone::tokenizer
