// Reading and writing of .npy files (numpy/lib/format.py describes them).
#include "formats/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/atomic_file.h"
#include "base/checked.h"
#include "base/cursor.h"
#include "base/text.h"

namespace hone {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr uint64_t kMostHeader = 64 << 10;
constexpr uint64_t kMostPadding = 256;  // bytes written for each character of texts

// The header is a Python dict literal with three known keys; this reads just those.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, uint64_t origin, uint64_t max_rank)
      : text_(text), origin_(origin), max_rank_(max_rank) {}

  Status parse(NpyArray& array) {
    bool seen[3] = {};
    TRY(need('{'));
    while (!skip('}')) {
      const std::string key = TRY(string());
      TRY(need(':'));
      const size_t which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : 3;
      if (which == 3) return error(fmt::format("unknown key \"{}\"", printable(key)));
      if (seen[which]) return error(fmt::format("key \"{}\" twice", key));
      seen[which] = true;
      if (which == 0) {
        if (peek() == '[') {
          return fail(ErrorId::unsupported_feature,
                      "the .npy file holds records, not plain numbers");
        }
        array.descr = TRY(string());
      } else if (which == 1) {
        array.fortran_order = TRY(boolean());
      } else {
        array.shape = TRY(tuple());
      }
      if (skip(',')) continue;
      TRY(need('}'));
      break;
    }
    skip_space();
    if (at_ != text_.size()) return error("something follows the dictionary");
    for (size_t i = 0; i < 3; ++i) {
      constexpr std::array<std::string_view, 3> kKeys{"descr", "fortran_order", "shape"};
      if (!seen[i]) return error(fmt::format("the key \"{}\" is missing", kKeys[i]));
    }
    return ok();
  }

 private:
  Error error(std::string_view what) const {
    return fail(ErrorId::malformed, fmt::format(".npy header at byte {}: {}", origin_ + at_, what));
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool skip(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  Status need(char c) {
    if (!skip(c)) return error(fmt::format("expected {}", c));
    return ok();
  }
  // Without escapes: no key and no plain type has any.
  Result<std::string> string() {
    const char mark = peek();
    if (mark != '\'' && mark != '"') return error("expected a string");
    const size_t end = text_.find(mark, at_ + 1);
    if (end == std::string_view::npos) return error("a string does not end");
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    if (inside.find('\\') != std::string_view::npos) return error("an escape in a string");
    at_ = end + 1;
    return std::string(inside);
  }
  Result<bool> boolean() {
    skip_space();
    for (const std::string_view word : {"True", "False"}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return word == "True";
    }
    return error("expected True or False");
  }
  Result<std::vector<int64_t>> tuple() {
    TRY(need('('));
    std::vector<int64_t> extents;
    while (!skip(')')) {
      skip_space();
      int64_t extent = -1;
      const char* from = text_.data() + at_;
      const auto [to, failure] = std::from_chars(from, text_.data() + text_.size(), extent);
      if (failure != std::errc() || extent < 0) return error("expected an extent");
      if (extents.size() == max_rank_) {
        return fail(ErrorId::over_size,
                    fmt::format("the array has more than {} axes, the limit `rank`", max_rank_));
      }
      extents.push_back(extent);
      at_ += static_cast<size_t>(to - from);
      if (skip(',')) continue;
      if (extents.size() == 1) return error("expected , after the only extent");
      TRY(need(')'));
      break;
    }
    return extents;
  }

  std::string_view text_;
  uint64_t origin_;
  uint64_t max_rank_;
  size_t at_ = 0;
};

Status parse_descr(NpyArray& array) {
  const std::string& descr = array.descr;
  const auto wrong = [&](std::string_view what) {
    return fail(ErrorId::malformed,
                fmt::format(".npy element type \"{}\": {}", printable(descr), what));
  };
  uint64_t count = 0;
  if (descr.size() < 2 || std::string_view("<>|").find(descr[0]) == std::string_view::npos) {
    return wrong("expected a byte order, a kind and a size");
  }
  array.order = descr[0];
  array.kind = descr[1];
  if (array.kind == 'O') {
    return fail(ErrorId::unsupported_feature,
                "the .npy file holds pickled Python objects, which hone never runs");
  }
  const char* end = descr.data() + descr.size();
  const auto [to, failure] = std::from_chars(descr.data() + 2, end, count);
  if (array.kind == 'm' || array.kind == 'M') {
    return fail(ErrorId::unsupported_feature, "the .npy file holds dates or durations");
  }
  if (failure != std::errc() || to != end) return wrong("expected a size");
  const std::string_view sizes = array.kind == 'b'   ? "1"
                                 : array.kind == 'i' ? "1248"
                                 : array.kind == 'u' ? "1248"
                                 : array.kind == 'f' ? "248"
                                 : array.kind == 'c' ? "8"
                                                     : "";
  const bool complex_double = array.kind == 'c' && count == 16;
  if (!sizes.empty()) {
    if (!complex_double &&
        (count > 8 || sizes.find(static_cast<char>('0' + count)) == std::string_view::npos)) {
      return wrong("no such size of this kind");
    }
    if (array.order == '|' && count > 1) return wrong("the byte order is missing");
  } else if (array.kind != 'S' && array.kind != 'U' && array.kind != 'V') {
    return wrong("unknown kind");
  }
  if (count > UINT32_MAX) return wrong("the size is out of range");
  array.item_size = array.kind == 'U' ? count * 4 : count;
  return ok();
}

}  // namespace

Result<NpyArray> read_npy(std::span<const std::byte> file, Ledger& ledger) {
  Cursor cursor(file);
  if (TRY(cursor.take_text(kMagic.size(), "the .npy magic")) != kMagic) {
    return fail(ErrorId::malformed, "the file does not begin like a .npy file");
  }
  const auto major = TRY(cursor.read<uint8_t>("the .npy version"));
  const auto minor = TRY(cursor.read<uint8_t>("the .npy version"));
  if (major < 1 || major > 3 || minor != 0) {
    return fail(ErrorId::unsupported_version, fmt::format(".npy version {}.{}", major, minor));
  }
  const uint64_t length = major == 1 ? TRY(cursor.read<uint16_t>("the .npy header length"))
                                     : TRY(cursor.read<uint32_t>("the .npy header length"));
  if (length > kMostHeader) {
    return fail(ErrorId::malformed,
                fmt::format("a .npy header of {} bytes, above {}", length, kMostHeader));
  }
  TRY(ledger.charge(length, ".npy header"));
  const uint64_t origin = cursor.offset();
  const std::string_view header = TRY(cursor.take_text(length, "the .npy header"));
  NpyArray array;
  TRY(HeaderParser(header, origin, ledger.limits().rank).parse(array));
  TRY(parse_descr(array));
  const auto count = checked_product(array.shape);
  const auto size =
      count ? checked_mul(static_cast<uint64_t>(*count), array.item_size) : std::nullopt;
  if (!size) return fail(ErrorId::overflow, "the .npy array's size does not fit in 64 bits");
  array.data_offset = cursor.offset();
  array.data = TRY(cursor.take(*size, "the .npy array's data"));
  if (!cursor.done()) {
    return fail(ErrorId::malformed, fmt::format("{} bytes follow the .npy array at byte {}",
                                                cursor.remaining(), cursor.offset()));
  }
  return array;
}

Result<std::vector<std::string>> npy_strings(const NpyArray& array, Ledger& ledger) {
  if (array.kind != 'U' && array.kind != 'S') {
    return fail(ErrorId::bad_data,
                fmt::format("a .npy array of type {} holds no text", array.descr));
  }
  // With empty items the count comes from the shape alone, so it is charged like the rest.
  const auto count = static_cast<uint64_t>(checked_product(array.shape).value_or(0));
  std::vector<std::string> texts;
  TRY(reserve_charged(ledger, texts, count, ".npy strings"));
  TRY(ledger.charge(array.data.size(), ".npy strings"));
  for (uint64_t i = 0; i < count; ++i) {
    const auto item = array.data.subspan(i * array.item_size, array.item_size);
    std::string text;
    if (array.kind == 'S') {
      text.assign(reinterpret_cast<const char*>(item.data()), item.size());
    } else {
      for (size_t at = 0; at < item.size(); at += 4) {
        uint32_t code;
        std::memcpy(&code, item.data() + at, sizeof code);
        if (array.order == '>') code = __builtin_bswap32(code);
        if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
          return fail(ErrorId::not_utf8,
                      fmt::format(".npy string {} at byte {}: {:#x} is no character", i,
                                  array.data_offset + i * array.item_size + at, code));
        }
        append_utf8(text, code);
      }
    }
    text.erase(text.find_last_not_of('\0') + 1);
    if (!is_utf8(text)) return fail(ErrorId::not_utf8, fmt::format(".npy string {}", i));
    texts.push_back(std::move(text));
  }
  return texts;
}

std::string npy_header(std::string_view descr, std::span<const int64_t> shape) {
  const std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", descr,
                  fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  const auto total = [&](size_t prefix) { return (prefix + dictionary.size() + 1 + 63) / 64 * 64; };
  const bool small = total(10) - 10 <= UINT16_MAX;
  const size_t prefix = small ? 10 : 12;
  const auto length = static_cast<uint32_t>(total(prefix) - prefix);
  std::string header(kMagic);
  header += small ? '\1' : '\2';
  header += '\0';
  header.append(reinterpret_cast<const char*>(&length), small ? 2 : 4);
  header += dictionary;
  header.append(total(prefix) - header.size() - 1, ' ');
  header += '\n';
  return header;
}

Status write_npy(const std::string& path, std::string_view descr, std::span<const int64_t> shape,
                 std::span<const std::byte> data) {
  NpyArray array;
  array.descr = descr;
  TRY(parse_descr(array));
  const auto count = checked_product(shape);
  const auto size =
      count ? checked_mul(static_cast<uint64_t>(*count), array.item_size) : std::nullopt;
  if (!size || *size != data.size()) {
    return fail(ErrorId::internal, fmt::format("{} bytes do not fill a .npy array of type {} and "
                                               "shape ({})",
                                               data.size(), descr, fmt::join(shape, ", ")));
  }
  AtomicFile file = TRY(AtomicFile::create(path));
  TRY(file.write(npy_header(descr, shape)));
  TRY(file.write(data));
  return file.commit();
}

Status write_npy_strings(const std::string& path, std::span<const std::string> texts,
                         std::span<const int64_t> shape) {
  std::vector<std::u32string> decoded;
  size_t longest = 1;  // numpy writes at least one character
  uint64_t characters = 0;
  for (const std::string& text : texts) {
    std::u32string codes;
    for (std::string_view left = text; !left.empty();) {
      const CodePoint point = decode_utf8(left);
      if (point.length == 0) return fail(ErrorId::not_utf8, "a string to write as .npy");
      codes += point.value;
      left.remove_prefix(point.length);
    }
    longest = std::max(longest, codes.size());
    characters += codes.size();
    decoded.push_back(std::move(codes));
  }
  // Every text takes as much as the longest.
  constexpr uint64_t kAnySize = uint64_t{64} << 20;
  const auto cells = checked_mul<uint64_t>(texts.size(), longest);
  const auto bytes = cells ? checked_mul<uint64_t>(*cells, sizeof(char32_t)) : std::nullopt;
  if (!bytes || (*bytes > kAnySize && *bytes / kMostPadding > characters)) {
    return fail(ErrorId::unsupported_feature,
                fmt::format("{} texts of very different lengths, one of {} characters, are too "
                            "large for .npy, which makes all as long",
                            texts.size(), longest));
  }
  std::vector<char32_t> items(*cells, 0);
  for (size_t i = 0; i < decoded.size(); ++i) {
    std::copy(decoded[i].begin(), decoded[i].end(), items.begin() + static_cast<long>(i * longest));
  }
  return write_npy(path, fmt::format("<U{}", longest), shape, std::as_bytes(std::span(items)));
}

}  // namespace hone
