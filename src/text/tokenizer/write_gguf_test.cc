// Tokenizers written into the metadata of GGUF files and read again.
#include "text/tokenizer/write_gguf.h"

#include <gtest/gtest.h>

#include "base/scratch_folder.h"
#include "text/tokenizer/read.h"

namespace hone {
namespace {

constexpr const char* kWords =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)";

// All bytes, a few merges, two special tokens.
std::string byte_pairs(const std::string& pre, const std::string& normalizer = "null",
                       bool ignore_merges = true) {
  std::string vocab;
  int id = 0;
  const auto add = [&](const std::string& token) {
    vocab += (id == 0 ? "\"" : ", \"") + token + "\": " + std::to_string(id);
    ++id;
  };
  // The printable bytes of ASCII stand for themselves.
  for (char c = '!'; c <= '~'; ++c)
    add(c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c));
  for (const char* token : {"\u0120", "he", "ll", "hell", "hello", "\u0120w", "12"}) add(token);
  const std::string bos = std::to_string(id), eos = std::to_string(id + 1);
  return R"({"normalizer": )" + normalizer +
         R"(, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [)" + pre +
         R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}, )" +
         R"("decoder": {"type": "ByteLevel"}, "added_tokens": [{"id": )" + bos +
         R"(, "content": "<|begin_of_text|>", "special": true}, {"id": )" + eos +
         R"(, "content": "<|eot_id|>", "special": true}], "post_processor": {"type": "TemplateProcessing", )" +
         R"("single": [{"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], )" +
         R"("special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [)" + bos +
         R"(], "tokens": ["<|begin_of_text|>"]}}}, "model": {"type": "BPE", "ignore_merges": )" +
         (ignore_merges ? "true" : "false") + R"(, "vocab": {)" + vocab +
         R"(}, "merges": ["h e", "l l", "he ll", "hell o", "\u0120 w", "1 2"]}})";
}

std::string split(const std::string& expression) {
  return R"({"type": "Split", "pattern": {"Regex": ")" + expression +
         R"("}, "behavior": "Isolated", "invert": false}, )";
}

struct Written {
  std::string model, pre;
  bool whole = false;
  size_t warnings = 0;
  std::optional<Tokenizer> tokenizer;
  std::string error;
};

Written written(const ScratchFolder& folder, const std::string& json, bool with_json = true) {
  folder.write("tokenizer.json", json);
  folder.write(
      "tokenizer_config.json",
      R"({"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "chat_template": "x"})");
  const auto original = read_tokenizer(folder.path(), Limits());
  EXPECT_TRUE(original.ok()) << (original.ok() ? "" : original.error().message);
  if (!original) return {};
  GgufMetadata metadata;
  std::vector<std::string> warnings;
  Written out;
  const auto done =
      write_tokenizer(*original, 120, with_json ? json : "", Limits(), metadata, warnings);
  if (!done) {
    out.error = done.error().message;
    return out;
  }
  const std::string path = folder.path() + "/out.gguf";
  EXPECT_TRUE(write_gguf(path, metadata, {}).ok());
  auto read = read_tokenizer(path, Limits());
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
  if (!read) return out;
  out.tokenizer = read.take();
  out.pre = out.tokenizer->pre_tokenizer();
  out.model = out.tokenizer->model();
  out.warnings = warnings.size();
  for (const auto& [key, value] : metadata.pairs())
    out.whole |= key == "tokenizer.huggingface.json";
  for (const char* text : {"hello world's 12345", "  hello\n\n x", "<|eot_id|>hello"}) {
    for (const bool special : {false, true}) {
      const EncodeOptions options{.add_special = special, .parse_special = special};
      EXPECT_EQ(*out.tokenizer->encode(text, options), *original->encode(text, options)) << text;
    }
  }
  EXPECT_EQ(out.tokenizer->special().bos, original->special().bos);
  EXPECT_EQ(out.tokenizer->special().eos, original->special().eos);
  EXPECT_EQ(out.tokenizer->chat_templates().size(), 1u);
  return out;
}

TEST(WriteTokenizer, SplitsHaveNames) {
  const ScratchFolder folder;
  const Written llama = written(folder, byte_pairs(split(kWords)));
  EXPECT_EQ(llama.pre, "llama3");
  EXPECT_FALSE(llama.whole);
  // As many as the model has rows; those without a token have a name that no text becomes.
  EXPECT_EQ(llama.tokenizer->token_count(), 120);
  EXPECT_EQ(llama.tokenizer->token(119), "[PAD119]");
  EXPECT_EQ(written(folder, byte_pairs(split(kWords), "null", false)).pre, "dbrx");
  EXPECT_EQ(written(folder, byte_pairs(split(kWords), R"({"type": "NFC"})", false)).pre, "dbrx");
}

TEST(WriteTokenizer, WhatKeysCannotSayGoesInAsAWhole) {
  const ScratchFolder folder;
  for (const std::string& json : {byte_pairs(split("[a-z]+|[^a-z]+")),
                                  byte_pairs(split(kWords), R"({"type": "Lowercase"})")}) {
    const Written other = written(folder, json);
    EXPECT_TRUE(other.whole);
    EXPECT_EQ(other.warnings, 1u);
    EXPECT_NE(written(folder, json, false).error, "");
  }
}

// Llama 2 and Mistral: pieces of characters, bytes for those that have none.
TEST(WriteTokenizer, MergesOfCharactersBecomeScores) {
  std::string vocab = R"("<unk>": 0, "<|begin_of_text|>": 1, "<|eot_id|>": 2)";
  for (int i = 0; i < 256; ++i) {
    char byte[16];
    std::snprintf(byte, sizeof byte, "<0x%02X>", unsigned(i));
    vocab += std::string(", \"") + byte + "\": " + std::to_string(3 + i);
  }
  const char* const pieces[] = {"\u2581", "h",  "e",   "l",        "o",     "w",
                                "ll",     "he", "llo", "\u2581he", "hello", "\u2581hello"};
  int id = 259;
  for (const char* piece : pieces)
    vocab += std::string(", \"") + piece + "\": " + std::to_string(id++);
  const std::string json =
      R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, )"
      R"({"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}, "pre_tokenizer": null, )"
      R"("decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, )"
      R"({"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}, )"
      R"("added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<|begin_of_text|>", "special": true}, )"
      R"({"id": 2, "content": "<|eot_id|>", "special": true}], "model": {"type": "BPE", "byte_fallback": true, "fuse_unk": true, )"
      R"("unk_token": "<unk>", "vocab": {)" +
      vocab +
      R"(}, "merges": ["l l", "h e", "ll o", "\u2581 he", "he llo", "\u2581he llo", "\u2581 hello"]}})";
  const ScratchFolder folder;
  folder.write("tokenizer.json", json);
  const Tokenizer original = read_tokenizer(folder.path(), Limits()).take();
  GgufMetadata metadata;
  std::vector<std::string> warnings;
  const auto done = write_tokenizer(original, 271, json, Limits(), metadata, warnings);
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(warnings.size(), 0u);
  const std::string path = folder.path() + "/out.gguf";
  ASSERT_TRUE(write_gguf(path, metadata, {}).ok());
  const Tokenizer read = read_tokenizer(path, Limits()).take();
  EXPECT_EQ(read.model(), "SentencePiece BPE");
  for (const char* text : {"hello hello", " he  llo", "hell\xc3\xb6 w", ""})
    EXPECT_EQ(*read.encode(text), *original.encode(text)) << text;
}

}  // namespace
}  // namespace hone
