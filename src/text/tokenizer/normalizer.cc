// The steps, each from one text to another.
#include "text/tokenizer/normalizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/tokenizer/words.h"

namespace hone::tokenizer {
namespace {

// No normal form makes texts so much longer; a hostile file could.
constexpr size_t kMostTimes = 64, kMostBeside = 64 << 10;
constexpr size_t kLongest = size_t{512} << 20;

size_t most_bytes(std::string_view text) {
  return std::min(kLongest, text.size() * kMostTimes + kMostBeside);
}

Error too_long(size_t most) {
  Error error = fail(ErrorId::over_size,
                     fmt::format("the normalizer makes more than {} bytes of a text", most));
  error.hint = "split the text; if it is short, the tokenizer is damaged or hostile";
  return error;
}

template <class Function>
void each_char(std::string_view text, const Function& f) {
  for (size_t at = 0; at < text.size();) {
    const Decoded c = decode_at(text, at);
    f(c.value, text.substr(at, c.length));
    at += c.length;
  }
}

void lowercase(std::string_view text, std::string& out) {
  each_char(text, [&](char32_t c, std::string_view spelled) {
    if (c < 0x80) {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : static_cast<char>(c);
    } else if (c == 0x130) {  // the one letter whose lower case is two characters
      out += "i\xcc\x87";
    } else if (const char32_t to = lower(c); to != c) {
      append(out, to);
    } else {
      out += spelled;
    }
  });
}

void strip(const Normalizer& step, std::string_view text, std::string& out) {
  size_t begin = text.size(), end = 0, at = 0;
  each_char(text, [&](char32_t c, std::string_view spelled) {
    if (!is_space(c)) {
      begin = std::min(begin, at);
      end = at + spelled.size();
    }
    at += spelled.size();
  });
  if (!step.left) begin = 0;
  if (!step.right) end = text.size();
  if (begin < end) out += text.substr(begin, end - begin);
}

Status replace(std::string_view text, std::string_view from, std::string_view to, size_t most,
               std::string& out) {
  size_t at = 0;
  for (size_t next; !from.empty() && (next = text.find(from, at)) != std::string_view::npos;
       at = next + from.size()) {
    out += text.substr(at, next - at);
    out += to;
    if (out.size() > most) return too_long(most);
  }
  out += text.substr(at);
  return ok();
}

Status replace(std::string_view text, const Pattern& pattern, std::string_view to, size_t most,
               SearchTime& time, std::string& out) {
  Pattern::Search search(pattern, time);
  size_t done = 0, from = 0;
  while (from <= text.size()) {
    const auto match = TRY(search.find(text, from));
    if (!match) break;
    out += text.substr(done, match->begin - done);
    out += to;
    if (out.size() > most) return too_long(most);
    done = match->end;
    from = match->end;
    if (match->begin == match->end) {
      if (from == text.size()) break;
      from += char_length(text, from);
    }
  }
  out += text.substr(done);
  return ok();
}

bool is_ideograph(char32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
         (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

Status bert(const Normalizer::Bert& options, std::string_view text, std::string& out) {
  std::string now, next;
  each_char(text, [&](char32_t c, std::string_view spelled) {
    if (options.clean) {
      if (c == 0 || c == 0xfffd) return;
      if (is_space(c)) {
        now += ' ';
        return;
      }
      if (c < 0x20 || c == 0x7f || (c >= 0x80 && is_control(c))) return;
    }
    if (options.spaced_ideographs && is_ideograph(c)) {
      now += ' ';
      now += spelled;
      now += ' ';
    } else {
      now += spelled;
    }
  });
  if (options.strip_accents) {
    TRY(normalize(now, NormalForm::nfd, next));
    now.clear();
    each_char(next, [&](char32_t c, std::string_view spelled) {
      if (c < 0x80 || !is_nonspacing_mark(c)) now += spelled;
    });
  }
  if (options.lowercase)
    lowercase(now, out);
  else
    out += now;
  return ok();
}

Status by_graphemes(const Charsmap& map, std::string_view text, size_t most, std::string& out) {
  constexpr size_t kLongest = 6;  // longer clusters are replaced character by character
  for (size_t at = 0; at < text.size();) {
    const size_t end = grapheme_end(text, at);
    const std::string_view cluster = text.substr(at, end - at);
    at = end;
    if (out.size() > most) return too_long(most);
    if (cluster.size() < kLongest) {
      if (const auto found = map.find(cluster, Charsmap::Which::shortest)) {
        out += found->replacement;
        continue;
      }
    }
    each_char(cluster, [&](char32_t, std::string_view spelled) {
      const auto found = map.find(spelled, Charsmap::Which::shortest);
      out += found ? found->replacement : spelled;
    });
  }
  return ok();
}

void nmt(std::string_view text, std::string& out) {
  each_char(text, [&](char32_t c, std::string_view spelled) {
    if ((c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f ||
        c == 0x9f)
      return;
    const bool space = c == 9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 ||
                       (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                       c == 0xfeff || c == 0xfffd;
    if (space)
      out += ' ';
    else
      out += spelled;
  });
}

// What one step of SentencePiece takes from the text, and what that becomes.
struct Taken {
  std::string_view made;
  size_t length;
};

Taken take(const Normalizer& step, std::string_view text, size_t at) {
  const auto any = [](int32_t, size_t) { return true; };
  if (step.sentencepiece.verbatim) {
    if (const auto* entry = step.sentencepiece.verbatim->find(text, at, any))
      return {entry->text, entry->text.size()};
  }
  if (step.charsmap) {
    if (const auto found = step.charsmap->find(text.substr(at), Charsmap::Which::longest))
      return {found->replacement, found->length};
  }
  const size_t length = char_length(text, at);
  return {text.substr(at, length), length};
}

Status sentencepiece(const Normalizer& step, std::string_view text, Place place, size_t most,
                     std::string& out) {
  const auto& options = step.sentencepiece;
  const std::string_view space = options.escape_spaces ? kSpaceMark : " ";
  const bool dummy =
      options.dummy_prefix && !place.goes_on && (place.at_start || options.everywhere);
  // Extra spaces are those at the ends of the whole text, and behind other spaces.
  const bool remove = options.remove_extra_spaces;
  size_t at = 0;
  if (remove && place.at_start) {
    while (at < text.size()) {
      const Taken next = take(step, text, at);
      if (next.made != " ") break;
      at += next.length;
    }
  }
  if (at == text.size()) return ok();
  if (dummy && !options.suffix) out += space;
  bool after_space = remove && place.at_start;
  while (at < text.size()) {
    Taken next = take(step, text, at);
    at += next.length;
    if (out.size() > most) return too_long(most);
    while (after_space && next.made.starts_with(' ')) next.made.remove_prefix(1);
    for (const char c : next.made) {
      if (c == ' ')
        out += space;
      else
        out += c;
    }
    if (!next.made.empty()) after_space = next.made.ends_with(' ');
    after_space = after_space && remove;
  }
  while (remove && out.ends_with(space)) out.resize(out.size() - space.size());
  if (dummy && options.suffix) out += space;
  return ok();
}

Status apply(const Normalizer& step, std::string_view text, Place place, size_t most,
             SearchTime& time, std::string& out) {
  using Kind = Normalizer::Kind;
  out.clear();
  switch (step.kind) {
    case Kind::form: return normalize(text, step.form, out);
    case Kind::lowercase: lowercase(text, out); break;
    case Kind::strip: strip(step, text, out); break;
    case Kind::strip_accents:
      each_char(text, [&](char32_t c, std::string_view spelled) {
        if (c < 0x80 || !is_mark(c)) out += spelled;
      });
      break;
    case Kind::replace:
      if (step.pattern) return replace(text, *step.pattern, step.to, most, time, out);
      return replace(text, step.from, step.to, most, out);
    case Kind::prepend:
      if (!text.empty() && !place.goes_on) out += step.to;
      out += text;
      break;
    case Kind::bert: return bert(step.bert, text, out);
    case Kind::charsmap:
      if (step.charsmap) return by_graphemes(*step.charsmap, text, most, out);
      out += text;
      break;
    case Kind::nmt: nmt(text, out); break;
    case Kind::sentencepiece: return sentencepiece(step, text, place, most, out);
  }
  return ok();
}

// ASCII is in every normal form.
bool changes_nothing(const Normalizer& step, std::string_view text) {
  return step.kind == Normalizer::Kind::form &&
         std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

Result<std::string_view> normalize(const std::vector<Normalizer>& steps, std::string_view text,
                                   Place place, SearchTime& time, std::string& out,
                                   std::string& scratch) {
  const size_t most = most_bytes(text);
  for (const Normalizer& step : steps) {
    if (changes_nothing(step, text)) continue;
    TRY(apply(step, text, place, most, time, scratch));
    if (scratch.size() > most) return too_long(most);
    std::swap(out, scratch);
    text = out;
  }
  return text;
}

}  // namespace hone::tokenizer
