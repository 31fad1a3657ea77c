#include "report/escape.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace hone::report {
namespace {

constexpr size_t kLongestName = 120, kLongestText = 4096;

// The first bytes, at the border of a character.
std::string_view cut(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

// printable() piece by piece: it cuts names, and texts are longer.
std::string visible(std::string_view text) {
  const bool whole = text.size() <= kLongestText;
  text = cut(text, kLongestText);
  std::string out;
  while (!text.empty()) {
    constexpr size_t kPiece = 128;
    const std::string_view piece = cut(text, kPiece);
    const size_t length = piece.empty() ? std::min(kPiece, text.size()) : piece.size();
    out += printable(text.substr(0, length));
    text.remove_prefix(length);
  }
  return whole ? out : out + "…";
}

}  // namespace

std::string short_name(std::string_view name) {
  const std::string_view shown = cut(name, kLongestName);
  return printable(shown) + (shown.size() < name.size() ? "…" : "");
}

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : visible(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string markdown_text(std::string_view text) {
  const std::string plain = visible(text);
  const auto in_word = [&](size_t i) {
    return i < plain.size() && std::isalnum(static_cast<unsigned char>(plain[i])) != 0;
  };
  std::string out;
  for (size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[i];
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      const bool marks = std::string_view("\\`*[]|~$").find(c) != std::string_view::npos;
      // Within words they mean nothing.
      if (marks || (c == '_' && !(i > 0 && in_word(i - 1) && in_word(i + 1)))) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string csv_text(std::string_view text) {
  std::string out = visible(text);
  if (!out.empty() && std::string_view("=+-@").find(out[0]) != std::string_view::npos)
    out.insert(0, 1, '\'');
  if (out.find_first_of(",\"; ") == std::string::npos) return out;
  std::string quoted = "\"";
  for (const char c : out) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace hone::report
