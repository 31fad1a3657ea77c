// The protobuf wire format: fields of one message as spans into the file, and a small writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/result.h"

namespace hone {

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::varint;
  uint64_t value = 0;                // varint, fixed32, fixed64
  std::span<const std::byte> bytes;  // of type bytes: text, a message, or packed numbers
  uint64_t offset = 0;               // of the payload in the file
};

// Iterates the fields of one message. `path` names the message in errors ("model.graph.node") and
// must outlive the reader. Groups count as unknown fields: skipped, without recursion.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> message, uint64_t origin = 0,
                      std::string_view path = "message")
      : cursor_(message, origin), path_(path) {}
  // The message inside a field of type bytes; refused for other types.
  static Result<WireReader> inside(const WireField& field, std::string_view path);

  // The next field, none at the end.
  Result<std::optional<WireField>> next();
  uint64_t offset() const { return cursor_.offset(); }

 private:
  struct Tag {
    uint32_t number;
    unsigned type;
  };
  Result<Tag> tag();
  Result<WireField> payload(Tag tag);
  Status skip_group(uint32_t number);
  Error error(std::string_view what) const;

  Cursor cursor_;
  std::string_view path_;
};

// The payload of a field whose type the schema fixes; `path` names the field in errors.
Result<uint64_t> wire_uint64(const WireField& field, std::string_view path);
Result<int64_t> wire_int64(const WireField& field, std::string_view path);
Result<int32_t> wire_int32(const WireField& field, std::string_view path);  // the low 32 bits
Result<bool> wire_bool(const WireField& field, std::string_view path);
Result<float> wire_float(const WireField& field, std::string_view path);
Result<double> wire_double(const WireField& field, std::string_view path);
Result<std::span<const std::byte>> wire_bytes(const WireField& field, std::string_view path);
// Valid UTF-8 of at most limits.name bytes.
Result<std::string_view> wire_name(const WireField& field, std::string_view path,
                                   const Limits& limits);

// Appends one occurrence of a repeated field, packed or not. Charged to the ledger as it grows.
Status wire_append(const WireField& field, std::vector<int64_t>& out, Ledger& ledger,
                   std::string_view path);
Status wire_append(const WireField& field, std::vector<uint64_t>& out, Ledger& ledger,
                   std::string_view path);
Status wire_append(const WireField& field, std::vector<int32_t>& out, Ledger& ledger,
                   std::string_view path);
Status wire_append(const WireField& field, std::vector<float>& out, Ledger& ledger,
                   std::string_view path);
Status wire_append(const WireField& field, std::vector<double>& out, Ledger& ledger,
                   std::string_view path);

// Appends fields to a message. A nested message is made by its own WireWriter.
class WireWriter {
 public:
  void varint(uint32_t number, uint64_t value);
  void int64(uint32_t number, int64_t value) { varint(number, static_cast<uint64_t>(value)); }
  void fixed32(uint32_t number, uint32_t value);
  void fixed64(uint32_t number, uint64_t value);
  void float32(uint32_t number, float value);
  void bytes(uint32_t number, std::span<const std::byte> value);
  void text(uint32_t number, std::string_view value);
  void message(uint32_t number, const WireWriter& inner) { text(number, inner.out_); }
  void packed(uint32_t number, std::span<const int64_t> values);

  std::string_view data() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  void tag(uint32_t number, WireType type);
  void raw_varint(uint64_t value);
  void raw(const void* data, size_t size);
  std::string out_;
};

}  // namespace hone
