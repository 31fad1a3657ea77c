// The steps of decoding on one token, and what they need to know of the tokens before.
#include "text/tokenizer/decoder.h"

#include <array>
#include <utility>

#include "base/text.h"
#include "text/tokenizer/parts.h"
#include "text/tokenizer/words.h"

namespace hone::tokenizer {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  size_t at = from.empty() ? std::string::npos : text.find(from);
  if (at == std::string::npos) return;
  std::string out;
  size_t done = 0;
  for (; at != std::string::npos; at = text.find(from, done)) {
    out.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  out.append(text, done);
  text = std::move(out);
}

// Tokens of single bytes are no texts that an expression could match.
void replace_matches(std::string& text, const Pattern& pattern, std::string_view to,
                     SearchTime& time) {
  if (!is_utf8(text)) return;
  Pattern::Search search(pattern, time);
  std::string out;
  size_t from = 0;
  while (from < text.size()) {
    const auto match = search.find(text, from);
    if (!match || !*match || (*match)->begin == (*match)->end) break;
    out += std::string_view(text).substr(from, (*match)->begin - from);
    out += to;
    from = (*match)->end;
  }
  text = out + text.substr(from);
}

// Spaces before punctuation and in contractions, as BERT's vocabularies are joined.
void clean(std::string& text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kRules{{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" do not", " don't"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};
  for (const auto& [from, to] : kRules) replace_all(text, from, to);
}

void strip(const DecodeStep& step, std::string& text) {
  for (uint32_t i = 0; i < step.left && !step.from.empty() && text.starts_with(step.from); ++i)
    text.erase(0, step.from.size());
  for (uint32_t i = 0; i < step.right && !step.from.empty() && text.ends_with(step.from); ++i)
    text.resize(text.size() - step.from.size());
}

struct Context {
  bool first, blank, unknown;
  SearchTime& time;
  bool stripped = false;  // set where what was taken away counts as text
};

void apply(const DecodeStep& step, Context& context, std::string& text, std::string& tail) {
  using Kind = DecodeStep::Kind;
  switch (step.kind) {
    case Kind::replace:
      if (step.pattern)
        replace_matches(text, *step.pattern, step.to, context.time);
      else
        replace_all(text, step.from, step.to);
      break;
    case Kind::bytes:
      if (const auto byte = byte_of(text)) text.assign(1, static_cast<char>(*byte));
      break;
    case Kind::metaspace:
      replace_all(text, step.from, context.first && step.strip ? "" : " ");
      break;
    case Kind::sentencepiece:
      if (context.unknown) {
        text = step.to;
        break;
      }
      if (context.blank && step.strip && text.starts_with(kSpaceMark)) {
        text.erase(0, kSpaceMark.size());
        context.stripped = !step.strip_all;
      }
      replace_all(text, kSpaceMark, " ");
      break;
    case Kind::wordpiece:
      if (!context.first) {
        if (text.starts_with(step.from))
          text.erase(0, step.from.size());
        else
          text.insert(0, " ");
      }
      if (step.clean) clean(text);
      break;
    case Kind::suffix:
      if (!step.strip && !step.from.empty() && text.ends_with(step.from)) {
        text.resize(text.size() - step.from.size());
        tail = " ";  // comes with the next token
      }
      replace_all(text, step.from, step.strip ? "" : " ");
      break;
    case Kind::clean: clean(text); break;
    case Kind::strip: strip(step, text); break;
  }
}

}  // namespace

std::optional<uint8_t> byte_of(std::string_view token) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  const int high = digit(token[3]), low = digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<uint8_t>(high * 16 + low);
}

void DecoderState::restart() {
  first_ = blank_ = !continues_;
  left_ = 0;
  time_ = SearchTime();
  tail_.clear();
  held.clear();
}

// Takes away what is at the start, and keeps back what may be at the end.
void DecoderState::strip_text(const Decoder& decoder, std::string_view text, std::string& out) {
  while (blank_ && left_ < decoder.left && !decoder.ends.empty() &&
         text.starts_with(decoder.ends)) {
    text.remove_prefix(decoder.ends.size());
    ++left_;
  }
  if (text.empty()) return;
  if (decoder.right == 0 || decoder.ends.empty()) {
    out += text;
    return;
  }
  tail_ += text;
  size_t kept = 0;
  while (kept / decoder.ends.size() < decoder.right &&
         std::string_view(tail_).substr(0, tail_.size() - kept).ends_with(decoder.ends))
    kept += decoder.ends.size();
  out += std::string_view(tail_).substr(0, tail_.size() - kept);
  tail_.erase(0, tail_.size() - kept);
}

void DecoderState::add(const Parts& parts, int32_t id, std::string& out) {
  std::string text(parts.vocabulary->size() > id ? (*parts.vocabulary)[id] : std::string_view());
  const Decoder& decoder = parts.decoder;
  Context context{first_, blank_, parts.special.unknown == id, time_};
  const std::string before = decoder.right == 0 ? std::exchange(tail_, {}) : std::string();
  std::string tail;
  for (const DecodeStep& step : decoder.steps) apply(step, context, text, tail);
  text.insert(0, before);
  if (!first_) text.insert(0, decoder.join);
  strip_text(decoder, text, out);
  if (!tail.empty()) tail_ = tail;
  if (!text.empty() || context.stripped) blank_ = false;
  first_ = false;
}

}  // namespace hone::tokenizer
