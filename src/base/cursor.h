// The one bounds-checked reader over bytes that came from outside.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone {

static_assert(std::endian::native == std::endian::little, "file formats are read as little endian");

class Cursor {
 public:
  Cursor() = default;
  // `origin` is the offset of data[0] in the file, so that errors name file offsets.
  explicit Cursor(std::span<const std::byte> data, uint64_t origin = 0)
      : data_(data), origin_(origin) {}

  bool done() const { return at_ == data_.size(); }
  uint64_t remaining() const { return data_.size() - at_; }
  uint64_t offset() const { return origin_ + at_; }  // in the file

  // The next n bytes. Compares n with what remains: at_ + n could wrap.
  Result<std::span<const std::byte>> take(uint64_t n, std::string_view what) {
    if (n > remaining()) return short_read(n, what);
    auto piece = data_.subspan(at_, n);
    at_ += n;
    return piece;
  }
  Result<std::string_view> take_text(uint64_t n, std::string_view what) {
    auto piece = take(n, what);
    if (!piece) return piece.take_error();
    return std::string_view(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
  // A little-endian number, at any alignment.
  template <class T>
  Result<T> read(std::string_view what) {
    auto piece = take(sizeof(T), what);
    if (!piece) return piece.take_error();
    T value;
    std::memcpy(&value, piece->data(), sizeof(T));
    return value;
  }

 private:
  Error short_read(uint64_t n, std::string_view what) const;

  std::span<const std::byte> data_;
  uint64_t origin_ = 0;
  size_t at_ = 0;
};

}  // namespace hone
