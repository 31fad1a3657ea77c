// Numbers as text, UTF-8, escaping and spelling distance.
#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <span>

namespace hone {
namespace {

template <class T>
std::string exact_text(T value) {
  if (std::isnan(value)) return "nan";
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  std::string text(buffer.data(), end);
  // "1" would read back as an integer; "inf" holds an 'n'.
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

// Three significant digits, without trailing zeros or an exponent; 0 <= value < 1000.
std::string three_digits(double value) {
  const int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::fixed, decimals)
                       .ptr;
  std::string text(buffer.data(), end);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

// `value` in the largest of the units, each 1000 times the one before.
template <size_t N>
std::string scaled(double value, const std::array<std::string_view, N>& units) {
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < N) {
    value /= 1000;
    ++unit;
  }
  std::string text = value < 999.5 ? three_digits(value) : exact(std::round(value));
  if (!units[unit].empty()) {
    text += ' ';
    text += units[unit];
  }
  return text;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

void append_hex(std::string& out, std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string exact(float value) { return exact_text(value); }
std::string exact(double value) { return exact_text(value); }

std::string human_bytes(uint64_t bytes) {
  constexpr std::array<std::string_view, 7> kUnits{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  return scaled(static_cast<double>(bytes), kUnits);
}

std::string human_count(double count) {
  if (!std::isfinite(count)) return exact(count);
  constexpr std::array<std::string_view, 7> kUnits{"", "k", "M", "G", "T", "P", "E"};
  const std::string sign(count < 0 ? "-" : "");
  return sign + scaled(std::abs(count), kUnits);
}

std::string human_seconds(double seconds) {
  if (!std::isfinite(seconds)) return exact(seconds);
  const std::string sign = seconds < 0 ? "-" : "";
  seconds = std::abs(seconds);
  if (seconds >= 0.9995) {
    constexpr std::array<std::string_view, 1> kSeconds{"s"};
    return sign + scaled(seconds, kSeconds);
  }
  constexpr std::array<std::string_view, 3> kUnits{"ns", "us", "ms"};
  return sign + scaled(seconds * 1e9, kUnits);
}

std::optional<uint64_t> parse_bytes(std::string_view text) {
  // Exact in integers: digits and up to nine decimals, times the unit, over a power of ten.
  unsigned __int128 digits = 0;
  uint64_t scale = 1;
  size_t at = 0;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    digits = digits * 10 + static_cast<unsigned>(text[at] - '0');
    if (digits > UINT64_MAX) return std::nullopt;
  }
  if (at == 0) return std::nullopt;
  if (at < text.size() && text[at] == '.') {
    const size_t first = ++at;
    for (; at < text.size() && is_digit(text[at]); ++at) {
      if (at - first >= 9) return std::nullopt;
      digits = digits * 10 + static_cast<unsigned>(text[at] - '0');
      scale *= 10;
    }
    if (at == first) return std::nullopt;
  }
  if (at < text.size() && text[at] == ' ') ++at;
  std::string unit;
  for (; at < text.size(); ++at) unit += lower(text[at]);
  if (unit.empty() && !text.empty() && text.back() == ' ') return std::nullopt;
  uint64_t factor = 1;
  if (!unit.empty() && unit != "b") {
    const size_t power = std::string_view("kmgtpe").find(unit[0]);
    if (power == std::string_view::npos) return std::nullopt;
    const std::string_view rest = std::string_view(unit).substr(1);
    if (!rest.empty() && rest != "b" && rest != "ib") return std::nullopt;
    for (size_t i = 0; i <= power; ++i) factor *= rest == "ib" ? 1024 : 1000;
  }
  // digits < 2^64 * 10^9 < 2^94; one more factor below 2^61 can pass 2^128, so divide the limit.
  if (digits > static_cast<unsigned __int128>(UINT64_MAX) * scale / factor) return std::nullopt;
  return static_cast<uint64_t>(digits * factor / scale);
}

CodePoint decode_utf8(std::string_view text) {
  if (text.empty()) return {0, 0};
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {0, 0};
  char32_t code = lead & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    code = (code << 6) | (byte(i) & 0x3f);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {0, 0};
  return {code, length};
}

void append_utf8(std::string& out, char32_t code) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      put(0xe0 | (code >> 12));
    } else {
      put(0xf0 | (code >> 18));
      put(0x80 | ((code >> 12) & 0x3f));
    }
    put(0x80 | ((code >> 6) & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

size_t utf8_prefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t word;  // eight ASCII bytes at a time
    if (text.size() - at >= sizeof word) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if ((word & 0x8080808080808080u) == 0) {
        at += sizeof word;
        continue;
      }
    }
    const CodePoint point = decode_utf8(text.substr(at));
    if (point.length == 0) return at;
    at += point.length;
  }
  return at;
}

bool is_utf8(std::string_view text) { return utf8_prefix(text) == text.size(); }

bool is_unprintable(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e ||
         code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

std::string printable(std::string_view name) {
  constexpr size_t kMost = 256;
  constexpr std::string_view kCut = "...";
  std::string out;
  size_t cut = 0;  // where to cut so that the mark still fits
  while (!name.empty()) {
    const CodePoint point = decode_utf8(name);
    const std::string_view piece = name.substr(0, std::max<size_t>(point.length, 1));
    if (out.size() <= kMost - kCut.size()) cut = out.size();
    if (point.length == 0 || is_unprintable(point.value)) {
      append_hex(out, piece);
    } else {
      out += piece;
    }
    name.remove_prefix(piece.size());
    if (out.size() > kMost) {
      out.resize(cut);
      out += kCut;
      return out;
    }
  }
  return out;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    const std::string_view piece = text.substr(0, std::max<size_t>(point.length, 1));
    if (piece == "\n") {
      out += "\\n";
    } else if (piece == "\t") {
      out += "\\t";
    } else if (piece == "\"" || piece == "\\") {
      out += '\\';
      out += piece;
    } else if (point.length == 0 || is_unprintable(point.value)) {
      append_hex(out, piece);
    } else {
      out += piece;
    }
    text.remove_prefix(piece.size());
  }
  out += '"';
  return out;
}

std::optional<std::string> unquote(std::string_view inside) {
  std::string out;
  out.reserve(inside.size());
  for (size_t i = 0; i < inside.size(); ++i) {
    const char c = inside[i];
    if (c == '"' || static_cast<unsigned char>(c) < 0x20) return std::nullopt;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (++i == inside.size()) return std::nullopt;
    switch (inside[i]) {
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case '"': out += '"'; break;
      case '\\': out += '\\'; break;
      case 'x': {
        if (inside.size() - i < 3) return std::nullopt;
        const int high = hex_value(inside[i + 1]), low = hex_value(inside[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
        break;
      }
      default: return std::nullopt;
    }
  }
  return out;
}

std::optional<std::string_view> closest(std::string_view word, const std::string_view* candidates,
                                        size_t count) {
  // Insertions, deletions, substitutions and swaps of neighbours. Words may come from a file, so
  // long ones are not compared at all.
  constexpr size_t kLongest = 64;
  if (word.empty() || word.size() > kLongest) return std::nullopt;
  const size_t allowed = std::clamp<size_t>(word.size() / 3, 1, 3);
  std::optional<std::string_view> best;
  size_t best_distance = allowed + 1;
  for (const std::string_view candidate : std::span(candidates, count)) {
    const size_t m = word.size(), n = candidate.size();
    if (n > kLongest || (m > n ? m - n : n - m) > allowed) continue;
    std::array<std::array<size_t, kLongest + 1>, 3> rows;
    for (size_t j = 0; j <= n; ++j) rows[0][j] = j;
    for (size_t i = 1; i <= m; ++i) {
      auto& row = rows[i % 3];
      const auto& above = rows[(i + 2) % 3];
      const auto& two_above = rows[(i + 1) % 3];
      row[0] = i;
      for (size_t j = 1; j <= n; ++j) {
        const bool same = lower(word[i - 1]) == lower(candidate[j - 1]);
        row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
        if (i > 1 && j > 1 && word[i - 1] == candidate[j - 2] && word[i - 2] == candidate[j - 1]) {
          row[j] = std::min(row[j], two_above[j - 2] + 1);
        }
      }
    }
    if (rows[m % 3][n] < best_distance) {
      best_distance = rows[m % 3][n];
      best = candidate;
    }
  }
  return best;
}

}  // namespace hone
