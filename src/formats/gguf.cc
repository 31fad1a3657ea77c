// Reading of GGUF headers (the specification "GGUF", docs/gguf.md of ggml): bounds, types and
// names are checked here, so that who uses a file need not.
#include "formats/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/text.h"

namespace hone {
namespace {

constexpr uint64_t kMostText = uint64_t{64} << 20;      // bytes of one string
constexpr uint64_t kMostAlignment = uint64_t{1} << 20;  // of the tensors' bytes
constexpr uint32_t kMostAxes = 4;
constexpr uint64_t kMostName = 63;  // bytes of a tensor's name
// What an entry takes at least: lengths, numbers, and a name of one byte.
constexpr uint64_t kLeastPair = 8 + 1 + 4 + 1;
constexpr uint64_t kLeastTensor = 8 + 1 + 4 + 4 + 8;

using Kind = GgufValue::Kind;

struct KindInfo {
  std::string_view name;
  uint64_t bytes;  // 0: differs
};
constexpr std::array<KindInfo, 13> kKinds{{{"u8", 1},
                                           {"i8", 1},
                                           {"u16", 2},
                                           {"i16", 2},
                                           {"u32", 4},
                                           {"i32", 4},
                                           {"f32", 4},
                                           {"bool", 1},
                                           {"string", 0},
                                           {"array", 0},
                                           {"u64", 8},
                                           {"i64", 8},
                                           {"f64", 8}}};
const KindInfo& info_of(Kind kind) { return kKinds[size_t(kind)]; }

struct TypeInfo {
  int32_t type;
  GgufBlock block;
};
constexpr std::array kTypes{
    TypeInfo{0, {1, 4, "F32"}},         TypeInfo{1, {1, 2, "F16"}},
    TypeInfo{2, {32, 18, "Q4_0"}},      TypeInfo{3, {32, 20, "Q4_1"}},
    TypeInfo{6, {32, 22, "Q5_0"}},      TypeInfo{7, {32, 24, "Q5_1"}},
    TypeInfo{8, {32, 34, "Q8_0"}},      TypeInfo{10, {256, 84, "Q2_K"}},
    TypeInfo{11, {256, 110, "Q3_K"}},   TypeInfo{12, {256, 144, "Q4_K"}},
    TypeInfo{13, {256, 176, "Q5_K"}},   TypeInfo{14, {256, 210, "Q6_K"}},
    TypeInfo{16, {256, 66, "IQ2_XXS"}}, TypeInfo{17, {256, 74, "IQ2_XS"}},
    TypeInfo{18, {256, 98, "IQ3_XXS"}}, TypeInfo{19, {256, 50, "IQ1_S"}},
    TypeInfo{20, {32, 18, "IQ4_NL"}},   TypeInfo{21, {256, 110, "IQ3_S"}},
    TypeInfo{22, {256, 82, "IQ2_S"}},   TypeInfo{23, {256, 136, "IQ4_XS"}},
    TypeInfo{24, {1, 1, "I8"}},         TypeInfo{25, {1, 2, "I16"}},
    TypeInfo{26, {1, 4, "I32"}},        TypeInfo{27, {1, 8, "I64"}},
    TypeInfo{28, {1, 8, "F64"}},        TypeInfo{29, {256, 56, "IQ1_M"}},
    TypeInfo{30, {1, 2, "BF16"}},       TypeInfo{34, {256, 54, "TQ1_0"}},
    TypeInfo{35, {256, 66, "TQ2_0"}},   TypeInfo{39, {32, 17, "MXFP4"}},
    TypeInfo{40, {64, 36, "NVFP4"}},    TypeInfo{41, {128, 18, "Q1_0"}},
    TypeInfo{42, {64, 18, "Q2_0"}},
};

Error malformed(std::string message) { return fail(ErrorId::malformed, std::move(message)); }

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

// Calls use(number) with the number of a kind at an address; false when the kind is none.
template <class Use>
bool with_number(Kind kind, const std::byte* at, const Use& use) {
  switch (kind) {
    case Kind::u8: use(load<uint8_t>(at)); return true;
    case Kind::i8: use(load<int8_t>(at)); return true;
    case Kind::u16: use(load<uint16_t>(at)); return true;
    case Kind::i16: use(load<int16_t>(at)); return true;
    case Kind::u32: use(load<uint32_t>(at)); return true;
    case Kind::i32: use(load<int32_t>(at)); return true;
    case Kind::u64: use(load<uint64_t>(at)); return true;
    case Kind::i64: use(load<int64_t>(at)); return true;
    case Kind::f32: use(load<float>(at)); return true;
    case Kind::f64: use(load<double>(at)); return true;
    case Kind::boolean:
    case Kind::string:
    case Kind::array: break;
  }
  return false;
}

bool is_integer(Kind kind) {
  return info_of(kind).bytes != 0 && kind != Kind::f32 && kind != Kind::f64 &&
         kind != Kind::boolean;
}

std::string describe_kind(const GgufValue& value) {
  if (value.kind != Kind::array) return std::string(info_of(value.kind).name);
  return fmt::format("array of {} {}", value.count, info_of(value.element).name);
}
Error is_not(const GgufValue& value, std::string_view expected) {
  return malformed(fmt::format("the value is of type {}, not {}", describe_kind(value), expected));
}

template <class To>
Result<To> integer_at(Kind kind, const std::byte* at) {
  To result = 0;
  bool fits = false;
  with_number(kind, at, [&](auto number) {
    if constexpr (std::is_integral_v<decltype(number)>) {
      fits = std::in_range<To>(number);
      result = static_cast<To>(number);
    }
  });
  if (!fits) {
    return malformed(fmt::format("an integer does not fit {}",
                                 std::is_signed_v<To> ? "64 bits with sign" : "what is expected"));
  }
  return result;
}

// One string, its length before it.
Result<std::string_view> take_string(Cursor& cursor, std::string_view what) {
  const auto length = TRY(cursor.read<uint64_t>(what));
  if (length > kMostText) {
    return fail(ErrorId::over_size, fmt::format("{} at byte {} announces {} bytes, above {}", what,
                                                cursor.offset() - 8, length, kMostText));
  }
  return cursor.take_text(length, what);
}

Result<Kind> take_kind(Cursor& cursor) {
  const auto number = TRY(cursor.read<uint32_t>("the type of a value"));
  if (number >= kKinds.size()) {
    return malformed(
        fmt::format("byte {} names the unknown value type {}", cursor.offset() - 4, number));
  }
  return static_cast<Kind>(number);
}

// Steps over the elements of an array and notes where they lie.
Status take_elements(Cursor& cursor, GgufValue& value) {
  value.element = TRY(take_kind(cursor));
  value.count = TRY(cursor.read<uint64_t>("the length of an array"));
  const uint64_t least = std::max<uint64_t>(info_of(value.element).bytes, 1);
  if (value.element == Kind::array) {
    return fail(ErrorId::unsupported_feature, "arrays of arrays are not read");
  }
  if (value.count > cursor.remaining() / least) {
    return fail(ErrorId::truncated,
                fmt::format("an array announces {} elements of type {}, but {} bytes follow",
                            value.count, info_of(value.element).name, cursor.remaining()));
  }
  if (value.element != Kind::string) {
    value.bytes = TRY(cursor.take(value.count * least, "an array"));
    return ok();
  }
  Cursor elements = cursor;
  // Vocabularies are long: what is whole is stepped over at once, and the rest says what is wrong.
  const std::span<const std::byte> all = TRY(Cursor(cursor).take(cursor.remaining(), "an array"));
  GgufStrings strings(all);
  uint64_t whole = 0;
  for (std::string_view text; whole < value.count; ++whole) {
    const GgufStrings before = strings;
    if (!strings.next(text) || text.size() > kMostText) {
      strings = before;
      break;
    }
  }
  TRY(cursor.take(all.size() - strings.rest().size(), "an array"));
  for (uint64_t i = whole; i < value.count; ++i) TRY(take_string(cursor, "a string of an array"));
  value.bytes = TRY(elements.take(elements.remaining() - cursor.remaining(), "an array"));
  return ok();
}

Result<GgufValue> take_value(Cursor& cursor) {
  GgufValue value;
  value.kind = TRY(take_kind(cursor));
  if (value.kind == Kind::string) {
    const std::string_view text = TRY(take_string(cursor, "a string"));
    value.bytes = std::as_bytes(std::span(text));
  } else if (value.kind == Kind::array) {
    TRY(take_elements(cursor, value));
  } else {
    value.bytes = TRY(cursor.take(info_of(value.kind).bytes, "a value"));
  }
  return value;
}

bool same(const GgufValue& a, const GgufValue& b) {
  return a.kind == b.kind && a.element == b.element && a.count == b.count &&
         std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end());
}

// Keys that say the same twice stay; a second value has no meaning.
Status take_pair(Cursor& cursor, Gguf& file, Ledger& ledger) {
  const uint64_t at = cursor.offset();
  const std::string_view key = TRY(take_string(cursor, "a key"));
  if (key.empty() || key.size() > ledger.limits().name || !is_utf8(key)) {
    return malformed(
        fmt::format("the key at byte {} is empty, not UTF-8, or longer than the limit "
                    "`name` of {} bytes",
                    at, ledger.limits().name));
  }
  const GgufValue value =
      TRY(take_value(cursor).context(fmt::format("reading the value of \"{}\"", printable(key))));
  const auto known = file.keys.find(key);
  if (known != file.keys.end()) {
    if (same(file.metadata[known->second].second, value)) return ok();
    return fail(ErrorId::duplicate_name,
                fmt::format("the key \"{}\" has two values", printable(key)));
  }
  constexpr uint64_t kNode = 64;  // of the map
  TRY(ledger.charge(kNode, "GGUF keys"));
  TRY(reserve_charged(ledger, file.metadata, 1, "GGUF metadata"));
  file.keys.emplace(key, file.metadata.size());
  file.metadata.emplace_back(key, value);
  return ok();
}

Result<uint64_t> alignment_of(const Gguf& file) {
  const GgufValue* value = file.find("general.alignment");
  if (value == nullptr) return uint64_t{32};
  const uint64_t alignment = TRY(value->as_unsigned().context("reading \"general.alignment\""));
  if (!std::has_single_bit(alignment) || alignment > kMostAlignment) {
    return malformed(
        fmt::format("the alignment {} is not a power of two up to {}", alignment, kMostAlignment));
  }
  return alignment;
}

// Bytes of the tensor, from type and extents (outermost first).
Result<uint64_t> size_of(const GgufTensor& tensor) {
  const auto block = gguf_block(tensor.type);
  if (!block) {
    return fail(ErrorId::unsupported_feature,
                fmt::format("elements of ggml type {} are not known", tensor.type));
  }
  const int64_t row = tensor.extents.empty() ? 1 : tensor.extents.back();
  if (row % block->elements != 0) {
    return malformed(fmt::format("rows of {} elements are not whole blocks of {}, as {} has them",
                                 row, block->elements, block->name));
  }
  const auto count = checked_product(tensor.extents);
  const auto bytes = count ? checked_mul(*count / block->elements, block->bytes) : std::nullopt;
  if (!bytes) return fail(ErrorId::overflow, "the tensor's size does not fit in 64 bits");
  return static_cast<uint64_t>(*bytes);
}

// The offset is still from the start of the data.
Result<GgufTensor> take_tensor(Cursor& cursor) {
  GgufTensor tensor;
  const uint64_t at = cursor.offset();
  tensor.name = TRY(take_string(cursor, "a tensor's name"));
  if (tensor.name.empty() || tensor.name.size() > kMostName || !is_utf8(tensor.name)) {
    return malformed(
        fmt::format("the tensor's name at byte {} is empty, not UTF-8, or longer than "
                    "{} bytes",
                    at, kMostName));
  }
  const auto axes = TRY(cursor.read<uint32_t>("the number of axes"));
  if (axes > kMostAxes) {
    return malformed(fmt::format("tensor \"{}\" has {} axes, above {}", printable(tensor.name),
                                 axes, kMostAxes));
  }
  tensor.extents.resize(axes);
  for (uint32_t i = 0; i < axes; ++i) {
    const auto extent = TRY(cursor.read<uint64_t>("an extent"));
    if (!std::in_range<int64_t>(extent)) {
      return fail(ErrorId::overflow, fmt::format("the extent {} of tensor \"{}\" is too large",
                                                 extent, printable(tensor.name)));
    }
    tensor.extents[axes - 1 - i] = static_cast<int64_t>(extent);
  }
  tensor.type = TRY(cursor.read<int32_t>("the type of a tensor"));
  tensor.offset = TRY(cursor.read<uint64_t>("the offset of a tensor"));
  tensor.bytes = TRY(size_of(tensor).context(
      fmt::format("reading the entry of tensor \"{}\"", printable(tensor.name))));
  return tensor;
}

Status check_names(const Gguf& file, Ledger& ledger) {
  std::vector<std::string_view> names;
  TRY(reserve_charged(ledger, names, file.tensors.size(), "GGUF names"));
  for (const GgufTensor& tensor : file.tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return ok();
  return fail(ErrorId::duplicate_name,
              fmt::format("two tensors are named \"{}\"", printable(*twice)));
}

std::optional<uint64_t> padded(uint64_t size, uint64_t alignment) {
  const auto up = checked_add(size, alignment - 1);
  return up ? std::optional(*up / alignment * alignment) : std::nullopt;
}

// Tensors lie one behind the other, each padded to the alignment. Turns offsets into those from the
// start of the file.
Status place_tensors(Gguf& file, uint64_t header_end, uint64_t file_size) {
  const uint64_t start = *padded(header_end, file.alignment);  // a file is far below 2^63 bytes
  uint64_t expected = 0;
  for (GgufTensor& tensor : file.tensors) {
    if (tensor.offset != expected) {
      return malformed(fmt::format(
          "the data of tensor \"{}\" is said to begin at {}, but the data before it ends at {}{}",
          printable(tensor.name), tensor.offset, expected,
          tensor.offset < expected ? ": they overlap" : ""));
    }
    const uint64_t room = file_size > start ? file_size - start : 0;
    if (tensor.offset > room || tensor.bytes > room - tensor.offset) {
      return fail(ErrorId::truncated,
                  fmt::format("tensor \"{}\" takes {} bytes at {}, but {} bytes of data follow the "
                              "header",
                              printable(tensor.name), tensor.bytes, tensor.offset, room));
    }
    expected = *padded(tensor.offset + tensor.bytes, file.alignment);  // within the file, and a bit
    // What has no elements may stand behind the end, where padding is left out.
    tensor.offset =
        tensor.bytes > 0 ? tensor.offset + start : std::min(tensor.offset + start, file_size);
  }
  return ok();
}

Result<uint32_t> take_version(Cursor& cursor) {
  if (TRY(cursor.take_text(4, "the magic number of GGUF")) != "GGUF") {
    return malformed("the file does not begin with GGUF");
  }
  const auto version = TRY(cursor.read<uint32_t>("the version"));
  if (version != 0 && (version & 0xffff) == 0) {
    return fail(ErrorId::unsupported_version,
                "the file is in big-endian byte order; convert it to a little-endian one");
  }
  if (version != 2 && version != 3) {
    return fail(ErrorId::unsupported_version,
                fmt::format("GGUF version {} is not supported: 2 and 3 are", version));
  }
  return version;
}

Status check_count(std::string_view what, uint64_t count, uint64_t least, const Cursor& cursor) {
  if (count <= cursor.remaining() / least) return ok();
  return fail(ErrorId::truncated, fmt::format("the file announces {} {}, but {} bytes follow",
                                              count, what, cursor.remaining()));
}

}  // namespace

Result<uint64_t> GgufValue::as_unsigned() const {
  if (!is_integer(kind)) return is_not(*this, "an integer");
  return integer_at<uint64_t>(kind, bytes.data());
}

Result<int64_t> GgufValue::as_integer() const {
  if (!is_integer(kind)) return is_not(*this, "an integer");
  return integer_at<int64_t>(kind, bytes.data());
}

Result<double> GgufValue::as_real() const {
  double result = 0;
  if (!with_number(kind, bytes.data(), [&](auto number) { result = double(number); })) {
    return is_not(*this, "a number");
  }
  return result;
}

Result<bool> GgufValue::as_bool() const {
  if (kind != Kind::boolean) return is_not(*this, "bool");
  const auto byte = std::to_integer<uint8_t>(bytes[0]);
  if (byte > 1) return malformed(fmt::format("a bool is stored as {}, not as 0 or 1", byte));
  return byte == 1;
}

Result<std::string_view> GgufValue::as_string() const {
  if (kind != Kind::string) return is_not(*this, "string");
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<std::vector<int64_t>> GgufValue::as_integers(Ledger& ledger) const {
  const bool flags = element == Kind::boolean;
  if (kind != Kind::array || (!flags && !is_integer(element)))
    return is_not(*this, "an array of integers");
  std::vector<int64_t> result;
  TRY(reserve_charged(ledger, result, count, "an array"));
  for (uint64_t i = 0; i < count; ++i) {
    result.push_back(
        flags ? int64_t{bytes[i] != std::byte{0}}
              : TRY(integer_at<int64_t>(element, bytes.data() + i * info_of(element).bytes)));
  }
  return result;
}

Result<std::vector<float>> GgufValue::as_reals(Ledger& ledger) const {
  if (kind != Kind::array || element == Kind::string || element == Kind::boolean) {
    return is_not(*this, "an array of numbers");
  }
  std::vector<float> result;
  TRY(reserve_charged(ledger, result, count, "an array"));
  for (uint64_t i = 0; i < count; ++i) {
    with_number(element, bytes.data() + i * info_of(element).bytes,
                [&](auto number) { result.push_back(float(number)); });
  }
  return result;
}

Result<std::vector<std::string_view>> GgufValue::as_strings(Ledger& ledger) const {
  if (kind != Kind::array || element != Kind::string) return is_not(*this, "an array of strings");
  std::vector<std::string_view> result;
  TRY(reserve_charged(ledger, result, count, "an array"));
  GgufStrings strings(bytes);
  for (std::string_view text; result.size() < count && strings.next(text);) result.push_back(text);
  return result;
}

Result<GgufStrings> GgufValue::strings() const {
  if (kind != Kind::array || element != Kind::string) return is_not(*this, "an array of strings");
  return GgufStrings(bytes);
}

const GgufValue* Gguf::find(std::string_view key) const {
  const auto found = keys.find(key);
  return found == keys.end() ? nullptr : &metadata[found->second].second;
}

std::optional<GgufBlock> gguf_block(int32_t type) {
  for (const TypeInfo& known : kTypes) {
    if (known.type == type) return known.block;
  }
  return std::nullopt;
}

Result<Gguf> read_gguf(std::span<const std::byte> file, Ledger& ledger) {
  Cursor cursor(file);
  Gguf result;
  result.version = TRY(take_version(cursor));
  const auto tensors = TRY(cursor.read<uint64_t>("the number of tensors"));
  const auto pairs = TRY(cursor.read<uint64_t>("the number of metadata entries"));
  TRY(check_count("metadata entries", pairs, kLeastPair, cursor));
  TRY(check_count("tensors", tensors, kLeastTensor, cursor));
  TRY(ledger.charge_tensors(tensors));
  for (uint64_t i = 0; i < pairs; ++i) {
    TRY(take_pair(cursor, result, ledger).context(fmt::format("reading metadata entry {}", i)));
  }
  result.alignment = TRY(alignment_of(result));
  for (uint64_t i = 0; i < tensors; ++i) {
    TRY(ledger.charge(kMostAxes * sizeof(int64_t), "GGUF extents"));
    TRY(reserve_charged(ledger, result.tensors, 1, "GGUF tensors"));
    result.tensors.push_back(
        TRY(take_tensor(cursor).context(fmt::format("reading tensor entry {}", i))));
  }
  TRY(check_names(result, ledger));
  TRY(place_tensors(result, cursor.offset(), file.size()));
  return result;
}

}  // namespace hone
