// Cuts a text at the leftmost, longest tokens.
#include "text/tokenizer/added_tokens.h"

#include <algorithm>

#include "text/tokenizer/unicode.h"

namespace hone::tokenizer {
namespace {

// The begin of the character that ends at `end`.
size_t char_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && end - at < 4 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
  return at;
}

bool is_word(char32_t c) {
  const CharClass k = char_class(c);
  return c == '_' || k == CharClass::letter || k == CharClass::number || (c >= 0x80 && is_mark(c));
}

}  // namespace

bool Trust::holds(size_t begin, size_t end) const {
  const auto behind = std::ranges::upper_bound(ranges, begin, {}, &Range::begin);
  return behind != ranges.begin() && end <= std::prev(behind)->end;
}

Trust Trust::within(size_t begin, size_t end) const {
  Trust part;
  for (auto range = std::ranges::lower_bound(ranges, begin, {}, &Range::end);
       range != ranges.end() && range->begin < end; ++range) {
    part.ranges.push_back(
        {std::max(range->begin, begin) - begin, std::min(range->end, end) - begin});
  }
  return part;
}

Result<AddedTokens> AddedTokens::make(std::vector<AddedToken> tokens,
                                      const std::vector<std::string>& normalized_texts,
                                      Ledger& ledger) {
  AddedTokens made;
  std::vector<LongestMatch::Entry> raw, normalized;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto value = static_cast<int32_t>(i);
    if (tokens[i].normalized)
      normalized.push_back({normalized_texts[normalized.size()], value});
    else
      raw.push_back({tokens[i].text, value});
  }
  made.raw_ = TRY(LongestMatch::make(std::move(raw), ledger));
  made.normalized_ = TRY(LongestMatch::make(std::move(normalized), ledger));
  made.tokens_ = std::move(tokens);
  return made;
}

bool AddedTokens::accepts(const AddedToken& token, std::string_view text, size_t begin, size_t end,
                          const Trust& trust) const {
  if (token.special && !trust.holds(begin, end)) return false;
  if (!token.single_word) return true;
  if (begin > 0 && is_word(decode_at(text, char_before(text, begin)).value)) return false;
  return end >= text.size() || !is_word(decode_at(text, end).value);
}

void AddedTokens::split(std::string_view text, bool normalized, const Trust& trust,
                        std::vector<Fragment>& fragments) const {
  const LongestMatch& match = normalized ? normalized_ : raw_;
  fragments.clear();
  size_t done = 0;
  if (!match.empty()) {
    for (size_t at = 0; at < text.size();) {
      if (!match.begins(text[at])) {
        ++at;
        continue;
      }
      const auto* found = match.find(text, at, [&](int32_t i, size_t end) {
        return accepts(tokens_[size_t(i)], text, at, end, trust);
      });
      if (found == nullptr) {
        ++at;
        continue;
      }
      const AddedToken& token = tokens_[size_t(found->value)];
      size_t begin = at, end = at + found->text.size();
      while (token.left_strip && begin > done) {
        const size_t before = char_before(text, begin);
        if (before < done || !is_space(decode_at(text, before).value)) break;
        begin = before;
      }
      while (token.right_strip && end < text.size() && is_space(decode_at(text, end).value))
        end += char_length(text, end);
      if (begin > done) fragments.push_back({done, begin, -1});
      fragments.push_back({begin, end, token.id});
      at = done = end;
    }
  }
  if (done < text.size()) fragments.push_back({done, text.size(), -1});
}

}  // namespace hone::tokenizer
