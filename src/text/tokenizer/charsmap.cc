// Walks the double array of Darts: a unit holds a label, an offset and whether a value follows.
#include "text/tokenizer/charsmap.h"

#include <cstring>

#include "base/cursor.h"
#include "base/text.h"

namespace hone::tokenizer {
namespace {

bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t label(uint32_t unit) { return unit & (uint32_t{1} << 31 | 0xff); }
uint32_t offset(uint32_t unit) { return unit >> 10 << ((unit & uint32_t{1} << 9) >> 6); }
uint32_t value(uint32_t unit) { return unit & ~(uint32_t{1} << 31); }

}  // namespace

Result<Charsmap> Charsmap::read(std::span<const std::byte> blob, Ledger& ledger) {
  Cursor cursor(blob);
  const auto size = TRY(cursor.read<uint32_t>("the size of the trie of precompiled_charsmap"));
  const auto trie = TRY(cursor.take(size, "the trie of precompiled_charsmap"));
  if (size % 4 != 0)
    return fail(ErrorId::malformed, "the trie of precompiled_charsmap is no whole number of units");
  TRY(ledger.charge(blob.size(), "precompiled_charsmap"));
  Charsmap made;
  made.units_.resize(size / 4);
  if (size > 0) std::memcpy(made.units_.data(), trie.data(), size);
  made.texts_ = TRY(cursor.take_text(cursor.remaining(), "the texts of precompiled_charsmap"));
  // Expressions behind this step rely on it.
  if (!is_utf8(made.texts_))
    return fail(ErrorId::not_utf8, "the texts of precompiled_charsmap are not UTF-8");
  return made;
}

std::string Charsmap::blob() const {
  const auto size = static_cast<uint32_t>(units_.size() * 4);
  std::string blob(reinterpret_cast<const char*>(&size), sizeof size);
  blob.append(reinterpret_cast<const char*>(units_.data()), size);
  return blob + texts_;
}

std::optional<Charsmap::Found> Charsmap::find(std::string_view text, Which which) const {
  if (units_.empty()) return std::nullopt;
  std::optional<Found> best;
  uint32_t at = offset(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    at ^= byte;
    if (at >= units_.size() || label(units_[at]) != byte) break;
    const uint32_t unit = units_[at];
    at ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (at >= units_.size()) break;
    const auto is_inside = [](std::string_view of, size_t place) {
      return place < of.size() && (static_cast<unsigned char>(of[place]) & 0xc0) == 0x80;
    };
    // What is left of the text has to be characters too.
    if (is_inside(text, i + 1)) continue;
    const uint32_t begin = value(units_[at]);
    if (begin > texts_.size()) break;
    if (is_inside(texts_, begin)) break;
    const std::string_view rest = std::string_view(texts_).substr(begin);
    best = Found{rest.substr(0, std::min(rest.find('\0'), rest.size())), i + 1};
    if (which == Which::shortest) break;
  }
  return best;
}

}  // namespace hone::tokenizer
