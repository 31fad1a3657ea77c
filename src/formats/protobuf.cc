// Decoding and encoding of the protobuf wire format.
#include "formats/protobuf.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/text.h"

namespace hone {
namespace {

constexpr unsigned kStartGroup = 3, kEndGroup = 4;
constexpr size_t kMaxGroups = 100;  // as deep as protobuf's own reader goes
constexpr uint32_t kMaxField = (1u << 29) - 1;

Error wire_error(uint64_t offset, std::string_view path, std::string_view what) {
  return fail(ErrorId::malformed, fmt::format("{} at byte {}: {}", path, offset, what));
}

std::string_view type_name(WireType type) {
  switch (type) {
    case WireType::varint: return "varint";
    case WireType::fixed64: return "fixed64";
    case WireType::bytes: return "bytes";
    case WireType::fixed32: return "fixed32";
  }
  return "unknown";
}

Status expect(const WireField& field, WireType type, std::string_view path) {
  if (field.type == type) return ok();
  return wire_error(field.offset, path,
                    fmt::format("field {} has wire type {}, expected {}", field.number,
                                type_name(field.type), type_name(type)));
}

// At most ten bytes; the tenth holds the one bit that is left.
Result<uint64_t> read_varint(Cursor& cursor, std::string_view path) {
  const uint64_t start = cursor.offset();
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const uint64_t byte = TRY(cursor.read<uint8_t>(path));
    if (shift == 63 && byte > 1) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return wire_error(start, path, "a varint is longer than 64 bits");
}

template <class T>
Status append_varints(const WireField& field, std::vector<T>& out, Ledger& ledger,
                      std::string_view path) {
  if (field.type == WireType::varint) {
    TRY(reserve_charged(ledger, out, 1, path));
    out.push_back(static_cast<T>(field.value));
    return ok();
  }
  TRY(expect(field, WireType::bytes, path));
  // Every value ends in a byte without the continuation bit.
  const auto count = std::count_if(field.bytes.begin(), field.bytes.end(), [](std::byte b) {
    return (b & std::byte{0x80}) == std::byte{};
  });
  TRY(reserve_charged(ledger, out, static_cast<uint64_t>(count), path));
  Cursor cursor(field.bytes, field.offset);
  while (!cursor.done()) out.push_back(static_cast<T>(TRY(read_varint(cursor, path))));
  return ok();
}

template <class T, class Bits>
Status append_fixed(const WireField& field, std::vector<T>& out, Ledger& ledger,
                    std::string_view path, WireType single) {
  if (field.type == single) {
    TRY(reserve_charged(ledger, out, 1, path));
    out.push_back(std::bit_cast<T>(static_cast<Bits>(field.value)));
    return ok();
  }
  TRY(expect(field, WireType::bytes, path));
  if (field.bytes.size() % sizeof(T) != 0) {
    return wire_error(
        field.offset, path,
        fmt::format("{} packed bytes are not a multiple of {}", field.bytes.size(), sizeof(T)));
  }
  const size_t count = field.bytes.size() / sizeof(T);
  if (count == 0) return ok();
  TRY(reserve_charged(ledger, out, count, path));
  const size_t old = out.size();
  out.resize(old + count);
  std::memcpy(out.data() + old, field.bytes.data(), field.bytes.size());
  return ok();
}

}  // namespace

Error WireReader::error(std::string_view what) const {
  return wire_error(cursor_.offset(), path_, what);
}

Result<WireReader> WireReader::inside(const WireField& field, std::string_view path) {
  TRY(expect(field, WireType::bytes, path));
  return WireReader(field.bytes, field.offset, path);
}

Result<WireReader::Tag> WireReader::tag() {
  const uint64_t start = cursor_.offset();
  const uint64_t tag = TRY(read_varint(cursor_, path_));
  const uint64_t number = tag >> 3;
  if (number == 0 || number > kMaxField) {
    return wire_error(start, path_, fmt::format("field number {}", number));
  }
  return Tag{static_cast<uint32_t>(number), static_cast<unsigned>(tag & 7)};
}

Result<WireField> WireReader::payload(Tag tag) {
  WireField field;
  field.number = tag.number;
  field.offset = cursor_.offset();
  switch (tag.type) {
    case 0: field.value = TRY(read_varint(cursor_, path_)); break;
    case 1: field.value = TRY(cursor_.read<uint64_t>(path_)); break;
    case 2: {
      const uint64_t length = TRY(read_varint(cursor_, path_));
      field.offset = cursor_.offset();
      field.bytes = TRY(cursor_.take(length, path_));
      break;
    }
    case 5: field.value = TRY(cursor_.read<uint32_t>(path_)); break;
    default:
      return error(fmt::format("field {} has the unknown wire type {}", tag.number, tag.type));
  }
  field.type = static_cast<WireType>(tag.type);
  return field;
}

Result<std::optional<WireField>> WireReader::next() {
  while (!cursor_.done()) {
    const Tag at = TRY(tag());
    if (at.type == kEndGroup) return error("a group ends that did not begin");
    if (at.type != kStartGroup) return std::optional(TRY(payload(at)));
    TRY(skip_group(at.number));
  }
  return std::optional<WireField>();
}

Status WireReader::skip_group(uint32_t number) {
  std::vector<uint32_t> open{number};
  while (!open.empty()) {
    if (cursor_.done()) return error(fmt::format("group {} does not end", open.back()));
    const Tag at = TRY(tag());
    if (at.type == kEndGroup) {
      if (at.number != open.back()) {
        return error(fmt::format("group {} ends as {}", open.back(), at.number));
      }
      open.pop_back();
    } else if (at.type != kStartGroup) {
      TRY(payload(at));
    } else if (open.size() < kMaxGroups) {
      open.push_back(at.number);
    } else {
      return fail(ErrorId::over_depth, fmt::format("{} at byte {}: groups nested deeper than {}",
                                                   path_, cursor_.offset(), kMaxGroups));
    }
  }
  return ok();
}

Result<uint64_t> wire_uint64(const WireField& field, std::string_view path) {
  TRY(expect(field, WireType::varint, path));
  return field.value;
}
Result<int64_t> wire_int64(const WireField& field, std::string_view path) {
  return static_cast<int64_t>(TRY(wire_uint64(field, path)));
}
Result<int32_t> wire_int32(const WireField& field, std::string_view path) {
  return static_cast<int32_t>(TRY(wire_uint64(field, path)));
}
Result<bool> wire_bool(const WireField& field, std::string_view path) {
  return TRY(wire_uint64(field, path)) != 0;
}
Result<float> wire_float(const WireField& field, std::string_view path) {
  TRY(expect(field, WireType::fixed32, path));
  return std::bit_cast<float>(static_cast<uint32_t>(field.value));
}
Result<double> wire_double(const WireField& field, std::string_view path) {
  TRY(expect(field, WireType::fixed64, path));
  return std::bit_cast<double>(field.value);
}
Result<std::span<const std::byte>> wire_bytes(const WireField& field, std::string_view path) {
  TRY(expect(field, WireType::bytes, path));
  return field.bytes;
}

Result<std::string_view> wire_name(const WireField& field, std::string_view path,
                                   const Limits& limits) {
  TRY(expect(field, WireType::bytes, path));
  if (field.bytes.size() > limits.name) {
    return fail(ErrorId::over_size,
                fmt::format("{} at byte {}: a name of {} bytes is above the limit `name` of {}",
                            path, field.offset, field.bytes.size(), limits.name));
  }
  const std::string_view text(reinterpret_cast<const char*>(field.bytes.data()),
                              field.bytes.size());
  const size_t valid = utf8_prefix(text);
  if (valid == text.size()) return text;
  return fail(ErrorId::not_utf8,
              fmt::format("{} at byte {}: not UTF-8", path, field.offset + valid));
}

Status wire_append(const WireField& field, std::vector<int64_t>& out, Ledger& ledger,
                   std::string_view path) {
  return append_varints(field, out, ledger, path);
}
Status wire_append(const WireField& field, std::vector<uint64_t>& out, Ledger& ledger,
                   std::string_view path) {
  return append_varints(field, out, ledger, path);
}
Status wire_append(const WireField& field, std::vector<int32_t>& out, Ledger& ledger,
                   std::string_view path) {
  return append_varints(field, out, ledger, path);
}
Status wire_append(const WireField& field, std::vector<float>& out, Ledger& ledger,
                   std::string_view path) {
  return append_fixed<float, uint32_t>(field, out, ledger, path, WireType::fixed32);
}
Status wire_append(const WireField& field, std::vector<double>& out, Ledger& ledger,
                   std::string_view path) {
  return append_fixed<double, uint64_t>(field, out, ledger, path, WireType::fixed64);
}

void WireWriter::raw(const void* data, size_t size) {
  out_.append(static_cast<const char*>(data), size);
}

void WireWriter::raw_varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
  out_ += static_cast<char>(value);
}

void WireWriter::tag(uint32_t number, WireType type) {
  CHECK(number > 0 && number <= kMaxField);
  raw_varint(uint64_t{number} << 3 | static_cast<uint64_t>(type));
}

void WireWriter::varint(uint32_t number, uint64_t value) {
  tag(number, WireType::varint);
  raw_varint(value);
}
void WireWriter::fixed32(uint32_t number, uint32_t value) {
  tag(number, WireType::fixed32);
  raw(&value, sizeof value);
}
void WireWriter::fixed64(uint32_t number, uint64_t value) {
  tag(number, WireType::fixed64);
  raw(&value, sizeof value);
}
void WireWriter::float32(uint32_t number, float value) {
  fixed32(number, std::bit_cast<uint32_t>(value));
}
void WireWriter::bytes(uint32_t number, std::span<const std::byte> value) {
  tag(number, WireType::bytes);
  raw_varint(value.size());
  raw(value.data(), value.size());
}
void WireWriter::text(uint32_t number, std::string_view value) {
  bytes(number, std::as_bytes(std::span(value)));
}
void WireWriter::packed(uint32_t number, std::span<const int64_t> values) {
  WireWriter inner;
  for (const int64_t value : values) inner.raw_varint(static_cast<uint64_t>(value));
  text(number, inner.out_);
}

}  // namespace hone
