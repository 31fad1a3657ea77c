// Splits by matches: what a match is depends on the step, what becomes of it on its behavior.
#include "text/tokenizer/pre_tokenizer.h"

#include <algorithm>

#include "text/tokenizer/unicode.h"
#include "text/tokenizer/words.h"

namespace hone::tokenizer {
namespace {

using Kind = PreTokenizer::Kind;
using Behavior = PreTokenizer::Behavior;
using Span = Words::Span;

bool is_separator(Kind kind, char32_t c) {
  if (kind == Kind::spaces) return is_space(c);
  if (kind == Kind::numbers) return char_class(c) == CharClass::number;
  if (c < 0x80)
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
  return is_punctuation(c);
}

// Puts matches and what lies between them together into words.
class Splitter {
 public:
  Splitter(const PreTokenizer& step, uint32_t begin, std::vector<Span>& out)
      : step_(step), done_(begin), out_(out) {}

  void match(size_t begin, size_t end) {
    if (begin > done_) piece(done_, begin, step_.invert);
    if (end > begin) piece(begin, end, !step_.invert);
    done_ = end;
    if (begin == end) merged_ = false;  // an empty match splits
  }
  void finish(size_t end) {
    if (end > done_) piece(done_, end, step_.invert);
    flush();
  }

 private:
  void piece(size_t begin, size_t end, bool matched) {
    switch (step_.behavior) {
      case Behavior::removed:
        if (!matched) put(begin, end);
        break;
      case Behavior::isolated: put(begin, end); break;
      case Behavior::contiguous:
        if (merged_ && matched == matched_ && out_.back().end == begin)
          out_.back().end = uint32_t(end);
        else
          put(begin, end);
        merged_ = true;
        break;
      case Behavior::with_previous:
        if (matched && merged_ && !matched_ && out_.back().end == begin)
          out_.back().end = uint32_t(end);
        else
          put(begin, end);
        merged_ = true;
        break;
      case Behavior::with_next:
        if (pending_ && !matched) {
          put(*pending_, end);
          pending_.reset();
        } else {
          flush_at(begin);
          if (matched)
            pending_ = begin;
          else
            put(begin, end);
        }
        pending_end_ = end;
        break;
    }
    matched_ = matched;
  }
  void put(size_t begin, size_t end) {
    out_.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
  }
  void flush_at(size_t end) {
    if (pending_) put(*pending_, end);
    pending_.reset();
  }
  void flush() { flush_at(pending_end_); }

  const PreTokenizer& step_;
  size_t done_;
  std::vector<Span>& out_;
  bool merged_ = false, matched_ = false;
  std::optional<size_t> pending_;
  size_t pending_end_ = 0;
};

void split_words(const PreTokenizer& step, std::string_view text, Span span,
                 std::vector<Span>& out) {
  const std::string_view piece = text.substr(0, span.end);
  for (size_t at = span.begin; at < span.end;) {
    const size_t end = step.word_end(piece, at);
    out.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(end)});
    at = end;
  }
}

// Expressions see a piece as a text of its own.
Status split_pattern(Pattern::Search& search, std::string_view text, Span span,
                     Splitter& splitter) {
  const std::string_view piece = text.substr(span.begin, span.end - span.begin);
  for (size_t from = 0; from <= piece.size();) {
    const auto match = TRY(search.find(piece, from));
    if (!match) break;
    splitter.match(span.begin + match->begin, span.begin + match->end);
    from = match->end;
    if (match->begin == match->end) {
      if (from >= piece.size()) break;
      from += char_length(piece, from);
    }
  }
  return ok();
}

void split_text(const PreTokenizer& step, std::string_view text, Span span, Splitter& splitter) {
  if (step.text.empty()) return;
  const std::string_view piece = text.substr(0, span.end);
  for (size_t at = span.begin; (at = piece.find(step.text, at)) != std::string_view::npos;
       at += step.text.size())
    splitter.match(at, at + step.text.size());
}

void split_chars(const PreTokenizer& step, std::string_view text, Span span, Splitter& splitter) {
  size_t count = 0;
  for (size_t at = span.begin; at < span.end;) {
    const Decoded c = decode_at(text, at);
    if (step.kind == Kind::fixed ? count++ % step.length == 0 : is_separator(step.kind, c.value)) {
      if (step.kind == Kind::fixed)
        splitter.match(at, at);
      else
        splitter.match(at, at + c.length);
    }
    at += c.length;
  }
}

// Steps that change the text make it anew, span by span.
template <class Write>
Status rewrite(Words& words, const Write& write) {
  words.scratch.clear();
  for (Span& span : words.spans) {
    const auto begin = static_cast<uint32_t>(words.scratch.size());
    write(words.text.substr(span.begin, span.end - span.begin), span.begin == 0, words.scratch);
    if (words.scratch.size() > UINT32_MAX)
      return fail(ErrorId::over_size, "the pre-tokenizer makes more than 4 GiB of a text");
    span = {begin, static_cast<uint32_t>(words.scratch.size())};
  }
  std::swap(words.own, words.scratch);
  words.text = words.own;
  return ok();
}

Status metaspace(const PreTokenizer& step, Place place, Words& words) {
  using Prepend = PreTokenizer::Prepend;
  return rewrite(words, [&](std::string_view piece, bool first, std::string& out) {
    const bool wanted = !place.goes_on && !piece.empty() &&
                        (step.prepend == Prepend::always ||
                         (step.prepend == Prepend::first && first && place.at_start));
    if (wanted && !piece.starts_with(' ') && !piece.starts_with(step.text)) out += step.text;
    for (const char c : piece) {
      if (c == ' ')
        out += step.text;
      else
        out += c;
    }
  });
}

Status apply(const PreTokenizer& step, Place place, SearchTime& time, Words& words) {
  if (step.kind == Kind::prefix_space) {
    return rewrite(words, [&](std::string_view piece, bool, std::string& out) {
      if (!piece.empty() && !place.goes_on && !piece.starts_with(' ')) out += ' ';
      out += piece;
    });
  }
  if (step.kind == Kind::metaspace) {
    TRY(metaspace(step, place, words));
    if (!step.split) return ok();
  }
  words.next.clear();
  std::optional<Pattern::Search> search;
  if (step.kind == Kind::pattern) search.emplace(*step.pattern, time);
  for (const Span span : words.spans) {
    if (step.kind == Kind::words) {
      split_words(step, words.text, span, words.next);
      continue;
    }
    Splitter splitter(step, span.begin, words.next);
    switch (step.kind) {
      case Kind::pattern: TRY(split_pattern(*search, words.text, span, splitter)); break;
      case Kind::text:
      case Kind::metaspace: split_text(step, words.text, span, splitter); break;
      default: split_chars(step, words.text, span, splitter); break;
    }
    splitter.finish(span.end);
  }
  std::swap(words.spans, words.next);
  return ok();
}

}  // namespace

Result<PreTokenizer> split_by(std::string_view expression, PreTokenizer::Behavior behavior,
                              bool invert) {
  PreTokenizer step;
  step.behavior = behavior;
  step.invert = invert;
  step.expression = expression;
  step.word_end = word_end(expression);
  // These match everywhere: what lies between matches is nothing.
  if (step.word_end &&
      (behavior == Behavior::isolated || (behavior == Behavior::removed && invert)))
    return step;
  step.kind = Kind::pattern;
  step.pattern = TRY(Pattern::compile(expression));
  return step;
}

Status pre_tokenize(const std::vector<PreTokenizer>& steps, std::string_view text, Place place,
                    SearchTime& time, Words& words) {
  words.text = text;
  words.spans.clear();
  if (text.empty()) return ok();
  words.spans.push_back({0, static_cast<uint32_t>(text.size())});
  for (const PreTokenizer& step : steps) TRY(apply(step, place, time, words));
  return ok();
}

}  // namespace hone::tokenizer
