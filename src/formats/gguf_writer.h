// Writing of GGUF files, version 3, in one file or in several.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "formats/byte_sink.h"
#include "formats/gguf.h"

namespace hone {

// Keys and values in the order in which they are written.
class GgufMetadata {
 public:
  GgufMetadata() = default;
  GgufMetadata(GgufMetadata&&) = default;
  GgufMetadata& operator=(GgufMetadata&&) = default;
  GgufMetadata(const GgufMetadata&) = delete;
  GgufMetadata& operator=(const GgufMetadata&) = delete;

  // What another file says; its bytes are read when they are written.
  void copy(const Gguf& file);
  // A value whose bytes somebody else holds as long as this.
  void add(std::string_view key, const GgufValue& value) { pairs_.emplace_back(key, value); }
  // A key that is there keeps its place.
  void set(std::string_view key, uint32_t value) { put(key, GgufValue::Kind::u32, value); }
  void set(std::string_view key, int32_t value) { put(key, GgufValue::Kind::i32, value); }
  void set(std::string_view key, uint16_t value) { put(key, GgufValue::Kind::u16, value); }
  void set(std::string_view key, uint64_t value) { put(key, GgufValue::Kind::u64, value); }
  void set(std::string_view key, float value) { put(key, GgufValue::Kind::f32, value); }
  void set(std::string_view key, bool value) { put(key, GgufValue::Kind::boolean, value); }
  void set(std::string_view key, std::string_view text);
  void set(std::string_view key, const char* text) { set(key, std::string_view(text)); }
  void set(std::string_view key, std::span<const std::string> texts);
  void set(std::string_view key, std::span<const float> numbers);
  void set(std::string_view key, std::span<const int32_t> numbers);
  void remove(std::string_view key);
  // Copies all that the other has.
  void add(const GgufMetadata& other);

  std::span<const std::pair<std::string, GgufValue>> pairs() const { return pairs_; }

 private:
  template <class T>
  void put(std::string_view key, GgufValue::Kind kind, T value) {
    GgufValue v;
    v.kind = kind;
    keep(key, v, std::string(reinterpret_cast<const char*>(&value), sizeof value));
  }
  void keep(std::string_view key, GgufValue value, std::string bytes);

  std::vector<std::pair<std::string, GgufValue>> pairs_;
  std::deque<std::string> bytes_;  // of values that no file holds
};

struct GgufSource {
  std::string name;
  std::vector<int64_t> extents;                  // outermost first
  int32_t type = 0;                              // ggml_type
  std::function<Status(const ByteSink&)> write;  // gives exactly the bytes of type and extents
};

struct GgufOptions {
  uint64_t alignment = 32;
  // Bytes of tensors in one file, at most, but for a tensor that is larger alone; 0: one file. With
  // several, `OUT.gguf` becomes OUT-00001-of-00003.gguf and so on; the first has the metadata.
  uint64_t split_bytes = 0;
};

// The files by name, as they were written. Each is whole under its name or not there; tensors are
// asked for their bytes in their order.
Result<std::vector<std::string>> write_gguf(const std::string& path, const GgufMetadata& metadata,
                                            std::span<const GgufSource> tensors,
                                            const GgufOptions& options = {});

// "model-00002-of-00003.gguf": the stem, which one of how many.
struct GgufPartName {
  std::string stem;
  uint32_t number = 0, count = 0;  // from 1
  std::string str() const;
};
std::optional<GgufPartName> gguf_part_name(std::string_view name);

}  // namespace hone
