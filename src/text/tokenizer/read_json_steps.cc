// Normalizers, pre-tokenizers and decoders of tokenizer.json.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "text/tokenizer/read_json.h"
#include "text/tokenizer/words.h"

namespace hone::tokenizer {
namespace {

constexpr int kDeepest = 16;       // sequences in sequences
constexpr size_t kMostSteps = 64;  // of one list
constexpr size_t kLongest = 256;   // bytes of a replacement

Status check_steps(size_t count) {
  if (count <= kMostSteps) return ok();
  return fail(ErrorId::over_size, fmt::format("more than {} steps", kMostSteps));
}

// What is put into texts again and again has to be short.
Result<std::string> short_text(std::string text) {
  if (text.size() <= kLongest) return text;
  return fail(ErrorId::over_size, fmt::format("a replacement of {} bytes", text.size()));
}

Error unsupported(std::string_view what, std::string_view name) {
  return fail(ErrorId::unsupported_feature,
              fmt::format("{} of the type \"{}\"", what, printable(name)));
}

Error too_deep() { return fail(ErrorId::over_depth, "sequences in sequences, too deep"); }

Result<std::string> base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    uint32_t value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = uint32_t(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = uint32_t(c - 'a' + 26);
    } else if (c >= '0' && c <= '9') {
      value = uint32_t(c - '0' + 52);
    } else if (c == '+' || c == '/') {
      value = c == '+' ? 62 : 63;
    } else if (c == '=') {
      break;
    } else {
      return fail(ErrorId::malformed, "precompiled_charsmap is not base64");
    }
    bits = bits << 6 | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  return out;
}

Result<Normalizer> one_normalizer(std::string_view type, Json json, Ledger& ledger) {
  using Kind = Normalizer::Kind;
  Normalizer step;
  const auto form = [&](NormalForm f) {
    step.kind = Kind::form;
    step.form = f;
    return step;
  };
  if (type == "NFC") return form(NormalForm::nfc);
  if (type == "NFD") return form(NormalForm::nfd);
  if (type == "NFKC") return form(NormalForm::nfkc);
  if (type == "NFKD") return form(NormalForm::nfkd);
  if (type == "Lowercase") {
    step.kind = Kind::lowercase;
  } else if (type == "StripAccents") {
    step.kind = Kind::strip_accents;
  } else if (type == "Nmt") {
    step.kind = Kind::nmt;
  } else if (type == "Strip") {
    step.kind = Kind::strip;
    step.left = TRY(flag(json, "strip_left", true));
    step.right = TRY(flag(json, "strip_right", true));
  } else if (type == "Prepend") {
    step.kind = Kind::prepend;
    step.to = TRY(short_text(TRY(text(json, "prepend", kSpaceMark))));
  } else if (type == "Replace") {
    step.kind = Kind::replace;
    const PatternText pattern = TRY(pattern_text(TRY(json.get("pattern"))));
    step.to = TRY(short_text(TRY(text(json, "content", ""))));
    if (pattern.regex)
      step.pattern = TRY(Pattern::compile(pattern.text));
    else
      step.from = pattern.text;
  } else if (type == "BertNormalizer") {
    step.kind = Kind::bert;
    step.bert.clean = TRY(flag(json, "clean_text", true));
    step.bert.spaced_ideographs = TRY(flag(json, "handle_chinese_chars", true));
    step.bert.lowercase = TRY(flag(json, "lowercase", true));
    step.bert.strip_accents = TRY(flag(json, "strip_accents", step.bert.lowercase));
  } else if (type == "Precompiled") {
    step.kind = Kind::charsmap;
    const auto map = json.find("precompiled_charsmap");
    if (map && !map->is_null()) {
      const std::string blob = TRY(base64(TRY(map->as_string())));
      step.charsmap = std::make_shared<const Charsmap>(
          TRY(Charsmap::read(std::as_bytes(std::span(blob)), ledger)));
    }
  } else {
    return unsupported("a normalizer", type);
  }
  return step;
}

Status add_normalizers(Json json, int depth, std::vector<Normalizer>& steps, Ledger& ledger) {
  if (depth > kDeepest) return too_deep();
  const std::string_view type = TRY(type_of(json));
  if (type == "Sequence") {
    const Json list = TRY(json.get("normalizers"));
    for (const Json element : list.elements())
      TRY(add_normalizers(element, depth + 1, steps, ledger));
    return ok();
  }
  if (type == "ByteLevel") return ok();  // bytes are not spelled here
  steps.push_back(TRY(one_normalizer(type, json, ledger)));
  return check_steps(steps.size());
}

Result<PreTokenizer::Behavior> behavior_of(Json json, std::string_view fallback) {
  using Behavior = PreTokenizer::Behavior;
  const std::string name = TRY(text(json, "behavior", fallback));
  if (name == "Removed" || name == "removed") return Behavior::removed;
  if (name == "Isolated" || name == "isolated") return Behavior::isolated;
  if (name == "Contiguous" || name == "contiguous") return Behavior::contiguous;
  if (name == "MergedWithPrevious" || name == "merged_with_previous")
    return Behavior::with_previous;
  if (name == "MergedWithNext" || name == "merged_with_next") return Behavior::with_next;
  return unsupported("a split with the behavior", name);
}

Result<PreTokenizer> split_step(Json json) {
  const PatternText pattern = TRY(pattern_text(TRY(json.get("pattern"))));
  const auto behavior = TRY(behavior_of(json, "Isolated"));
  const bool invert = TRY(flag(json, "invert", false));
  if (pattern.regex) return split_by(pattern.text, behavior, invert);
  PreTokenizer step;
  step.kind = PreTokenizer::Kind::text;
  step.text = pattern.text;
  step.behavior = behavior;
  step.invert = invert;
  return step;
}

Result<PreTokenizer> metaspace_step(Json json) {
  using Prepend = PreTokenizer::Prepend;
  PreTokenizer step;
  step.kind = PreTokenizer::Kind::metaspace;
  step.behavior = PreTokenizer::Behavior::with_next;
  step.text = TRY(text(json, "replacement", kSpaceMark));
  step.split = TRY(flag(json, "split", true));
  if (step.text.empty() || char_length(step.text, 0) != step.text.size())
    return fail(ErrorId::malformed, "the replacement of a Metaspace is not one character");
  const std::string scheme = TRY(
      text(json, "prepend_scheme", TRY(flag(json, "add_prefix_space", true)) ? "always" : "never"));
  if (scheme != "always" && scheme != "never" && scheme != "first")
    return unsupported("a Metaspace with the prepend_scheme", scheme);
  step.prepend = scheme == "always"  ? Prepend::always
                 : scheme == "first" ? Prepend::first
                                     : Prepend::never;
  return step;
}

PreTokenizer by_class(PreTokenizer::Kind kind, PreTokenizer::Behavior behavior) {
  PreTokenizer step;
  step.kind = kind;
  step.behavior = behavior;
  return step;
}

constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Status add_pre_tokenizers(Json json, int depth, PreTokenizers& out) {
  using Kind = PreTokenizer::Kind;
  using Behavior = PreTokenizer::Behavior;
  if (depth > kDeepest) return too_deep();
  const std::string_view type = TRY(type_of(json));
  auto& steps = out.steps;
  if (type == "Sequence") {
    const Json list = TRY(json.get("pretokenizers"));
    for (const Json element : list.elements()) TRY(add_pre_tokenizers(element, depth + 1, out));
  } else if (type == "ByteLevel") {
    out.byte_level = true;
    if (TRY(flag(json, "add_prefix_space", true)))
      steps.push_back(by_class(Kind::prefix_space, Behavior::isolated));
    if (TRY(flag(json, "use_regex", true))) steps.push_back(TRY(split_by(kGpt2)));
  } else if (type == "Split") {
    steps.push_back(TRY(split_step(json)));
  } else if (type == "Digits") {
    const bool single = TRY(flag(json, "individual_digits", false));
    steps.push_back(by_class(Kind::numbers, single ? Behavior::isolated : Behavior::contiguous));
  } else if (type == "Whitespace") {
    steps.push_back(TRY(split_by(R"(\w+|[^\w\s]+)", Behavior::removed, true)));
  } else if (type == "WhitespaceSplit") {
    steps.push_back(by_class(Kind::spaces, Behavior::removed));
  } else if (type == "BertPreTokenizer") {
    steps.push_back(by_class(Kind::spaces, Behavior::removed));
    steps.push_back(by_class(Kind::punctuation, Behavior::isolated));
  } else if (type == "Punctuation") {
    steps.push_back(by_class(Kind::punctuation, TRY(behavior_of(json, "Isolated"))));
  } else if (type == "CharDelimiterSplit") {
    steps.push_back(by_class(Kind::text, Behavior::removed));
    steps.back().text = TRY(TRY(json.get("delimiter")).as_string());
  } else if (type == "FixedLength") {
    steps.push_back(by_class(Kind::fixed, Behavior::isolated));
    const auto length = json.find("length");
    steps.back().length = length ? size_t(TRY(length->as_uint64())) : 5;
    if (steps.back().length == 0) return fail(ErrorId::malformed, "a FixedLength of 0");
  } else if (type == "Metaspace") {
    steps.push_back(TRY(metaspace_step(json)));
  } else {
    return unsupported("a pre-tokenizer", type);
  }
  return check_steps(steps.size());
}

Status add_decoders(Json json, int depth, bool& fused, Decoder& out,
                    std::vector<std::string>& warnings) {
  using Kind = DecodeStep::Kind;
  if (depth > kDeepest) return too_deep();
  const std::string_view type = TRY(type_of(json));
  DecodeStep step;
  if (type == "Sequence") {
    const Json list = TRY(json.get("decoders"));
    for (const Json element : list.elements())
      TRY(add_decoders(element, depth + 1, fused, out, warnings));
    return ok();
  }
  // Tokens are bytes already; the steps behind see the whole text.
  if (type == "Fuse" || type == "ByteLevel") {
    fused = true;
    return ok();
  }
  if (type == "Strip") {
    const std::string content = TRY(text(json, "content", " "));
    const auto count = [&](std::string_view key) -> Result<uint32_t> {
      const auto value = json.find(key);
      return value ? static_cast<uint32_t>(std::min<uint64_t>(TRY(value->as_uint64()), 1 << 20))
                   : 0;
    };
    const uint32_t left = TRY(count("start")), right = TRY(count("stop"));
    if (fused) {
      out.ends = content;
      out.left = left;
      out.right = right;
      return ok();
    }
    step.kind = Kind::strip;
    step.from = content;
    step.left = left;
    step.right = right;
  } else if (type == "Replace") {
    const PatternText pattern = TRY(pattern_text(TRY(json.get("pattern"))));
    step.to = TRY(short_text(TRY(text(json, "content", ""))));
    if (pattern.regex)
      step.pattern = TRY(Pattern::compile(pattern.text));
    else
      step.from = pattern.text;
  } else if (type == "ByteFallback") {
    step.kind = Kind::bytes;
  } else if (type == "Metaspace") {
    step.kind = Kind::metaspace;
    step.from = TRY(text(json, "replacement", kSpaceMark));
    step.strip =
        TRY(text(json, "prepend_scheme",
                 TRY(flag(json, "add_prefix_space", true)) ? "always" : "never")) != "never";
  } else if (type == "WordPiece") {
    step.kind = Kind::wordpiece;
    step.from = TRY(text(json, "prefix", "##"));
    step.clean = TRY(flag(json, "cleanup", true));
  } else if (type == "BPEDecoder") {
    step.kind = Kind::suffix;
    step.from = TRY(text(json, "suffix", "</w>"));
    step.strip = fused;
  } else {
    warnings.push_back(fmt::format("The decoder \"{}\" is not known: text is decoded without it.",
                                   printable(type)));
    return ok();
  }
  out.steps.push_back(std::move(step));
  return check_steps(out.steps.size());
}

}  // namespace

Result<std::vector<Normalizer>> read_normalizer(Json json, Ledger& ledger) {
  std::vector<Normalizer> steps;
  if (!json.is_null()) TRY(add_normalizers(json, 0, steps, ledger));
  return steps;
}

Result<PreTokenizers> read_pre_tokenizer(Json json) {
  PreTokenizers made;
  if (!json.is_null()) TRY(add_pre_tokenizers(json, 0, made));
  return made;
}

Result<Decoder> read_decoder(Json json, std::vector<std::string>& warnings) {
  Decoder made;
  bool fused = false;
  if (json.is_null())
    made.join = " ";
  else
    TRY(add_decoders(json, 0, fused, made, warnings));
  return made;
}

Result<std::string_view> type_of(Json json) { return TRY(json.get("type")).as_string(); }

Result<bool> flag(Json json, std::string_view key, bool fallback) {
  const auto found = json.find(key);
  if (!found || found->is_null()) return fallback;
  return found->as_bool().context(std::string(key));
}

Result<std::string> text(Json json, std::string_view key, std::string_view fallback) {
  const auto found = json.find(key);
  if (!found || found->is_null()) return std::string(fallback);
  return std::string(TRY(found->as_string().context(std::string(key))));
}

Result<PatternText> pattern_text(Json json) {
  if (json.is_string()) return PatternText{TRY(json.as_string()), false};
  if (const auto plain = json.find("String")) return PatternText{TRY(plain->as_string()), false};
  if (const auto regex = json.find("Regex")) return PatternText{TRY(regex->as_string()), true};
  return fail(ErrorId::malformed, "a pattern is neither \"String\" nor \"Regex\"");
}

}  // namespace hone::tokenizer
