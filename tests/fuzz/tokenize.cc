// Fuzzes encoding: any bytes come back exactly from tokenizers that have a token for every byte.
#include "encode.h"
#include "formats/json.h"
#include "text/tokenizer/byte_level.h"
#include "text/tokenizer/parts.h"
#include "text/tokenizer/read_json.h"

namespace {

using hone::Tokenizer;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

Tokenizer made(const std::string& json) {
  hone::Ledger ledger(hone::Limits{});
  const auto document = hone::JsonDocument::parse(json, ledger);
  hone::fuzz::require(document.ok());
  auto parts = hone::tokenizer::read_tokenizer_json(document->root(), ledger);
  hone::fuzz::require(parts.ok());
  return Tokenizer(std::make_shared<const hone::tokenizer::Parts>(parts.take()));
}

// A token for every byte, some merges, and one of the splits that are written by hand.
Tokenizer byte_level(std::string_view expression) {
  std::string vocab;
  for (int b = 0; b < 256; ++b) {
    const char c = static_cast<char>(b);
    vocab += quoted(hone::tokenizer::spelling_of_bytes({&c, 1})) + ": " + std::to_string(b) + ",";
  }
  return made(R"({"added_tokens": [{"id": 300, "content": "<|end|>", "special": true}],
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": )" +
              quoted(expression) + R"(}, "behavior": "Isolated"},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {)" +
              vocab + R"("Ġa": 256, "ab": 257, "Ġab": 258, "  ": 259},
      "merges": ["Ġ a", "a b", "Ġ ab"]}})");
}

// Characters that fall back to bytes.
Tokenizer byte_fallback() {
  std::string vocab;
  for (int b = 0; b < 256; ++b) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    vocab += std::string("\"<0x") + kDigits[size_t(b / 16)] + kDigits[size_t(b % 16)] +
             ">\": " + std::to_string(b) + ",";
  }
  return made(
      R"({"decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
    "model": {"type": "BPE", "byte_fallback": true, "vocab": {)" +
      vocab + R"("a": 256, "b": 257, "ab": 258, "abab": 259}, "merges": ["a b", "ab ab"]}})");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Tokenizer tokenizers[] = {
      byte_level(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"),
      byte_level(
          R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
      byte_level(R"(\p{N}|[^\r\n\p{L}\p{N}]?\p{L}+)"),
      byte_fallback(),
  };
  const std::string_view text = hone::fuzz::text(data, size);
  for (const Tokenizer& tokenizer : tokenizers) {
    const auto ids = tokenizer.encode(text, {.add_special = false, .parse_special = false});
    hone::fuzz::require(ids.ok());
    hone::fuzz::require(tokenizer.decode(*ids) == text);
    hone::fuzz::encode(tokenizer, text);
  }
  return 0;
}
