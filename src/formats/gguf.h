// GGUF files, versions 2 and 3: typed metadata, then tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace hone {

// The strings of an array one after another, without a list of them.
class GgufStrings {
 public:
  explicit GgufStrings(std::span<const std::byte> bytes) : rest_(bytes) {}
  // False behind the last one, and where what follows is not whole.
  bool next(std::string_view& text) {
    uint64_t length;
    if (rest_.size() < sizeof length) return false;
    std::memcpy(&length, rest_.data(), sizeof length);
    if (length > rest_.size() - sizeof length) return false;
    text = {reinterpret_cast<const char*>(rest_.data()) + sizeof length, size_t(length)};
    rest_ = rest_.subspan(sizeof length + size_t(length));
    return true;
  }
  std::span<const std::byte> rest() const { return rest_; }

 private:
  std::span<const std::byte> rest_;
};

// One value of the metadata. Text and arrays stay in the file, which must outlive it.
class GgufValue {
 public:
  enum class Kind : uint8_t {
    u8,
    i8,
    u16,
    i16,
    u32,
    i32,
    f32,
    boolean,
    string,
    array,
    u64,
    i64,
    f64
  };
  Kind kind = Kind::u8;
  Kind element = Kind::u8;  // of an array
  uint64_t count = 0;       // elements of an array
  // A number as it is in the file, little endian; the text; the elements of an array, strings each
  // with their length before them. Checked: all of it lies within the file.
  std::span<const std::byte> bytes;

  // Malformed, naming what was expected and found, when the value is of another kind. Integers of
  // any width and sign are taken where they fit.
  Result<uint64_t> as_unsigned() const;
  Result<int64_t> as_integer() const;
  Result<double> as_real() const;  // integers too
  Result<bool> as_bool() const;
  Result<std::string_view> as_string() const;
  // Of arrays, elements of any numeric kind (flags as 0 and 1), or strings.
  Result<std::vector<int64_t>> as_integers(Ledger& ledger) const;
  Result<std::vector<float>> as_reals(Ledger& ledger) const;
  Result<std::vector<std::string_view>> as_strings(Ledger& ledger) const;
  Result<GgufStrings> strings() const;  // `count` of them
};

struct GgufTensor {
  std::string_view name;         // in the file
  std::vector<int64_t> extents;  // outermost first: the reverse of the file's order
  int32_t type = 0;              // ggml_type
  uint64_t offset = 0;           // of its bytes, from the start of the file
  uint64_t bytes = 0;
};

struct Gguf {
  uint32_t version = 3;
  uint64_t alignment = 32;
  std::vector<std::pair<std::string_view, GgufValue>> metadata;  // in the order of the file
  std::vector<GgufTensor> tensors;                               // in the order of the file
  const GgufValue* find(std::string_view key) const;             // null when there is none
  // Where each key is in `metadata`, for find(). A key that says the same twice is there once.
  std::map<std::string_view, size_t> keys;
};

// Elements and bytes of one block of a ggml_type; none for types that no file may hold.
struct GgufBlock {
  int64_t elements = 1, bytes = 4;
  std::string_view name;
};
std::optional<GgufBlock> gguf_block(int32_t type);

// Checks every rule of the format; reads the header only. `file` must outlive the result.
Result<Gguf> read_gguf(std::span<const std::byte> file, Ledger& ledger);

}  // namespace hone
