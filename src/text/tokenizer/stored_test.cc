// Stored tokenizers: what was stored does what it did, and damaged bytes are refused.
#include "text/tokenizer/stored.h"

#include <gtest/gtest.h>

#include <random>

#include "base/scratch_folder.h"
#include "base/text.h"
#include "text/tokenizer/read.h"

namespace hone {
namespace {

using Ids = std::vector<int32_t>;

Result<Tokenizer> stored_again(std::string_view bytes) {
  Ledger ledger{Limits()};
  return read_stored_tokenizer(std::as_bytes(std::span(bytes)), ledger);
}

// One of each model, with every kind of step between them.
const std::pair<const char*, const char*> kFiles[] = {
    {"bpe",
     R"({"added_tokens": [{"id": 6, "content": "<|end|>", "special": true},
                          {"id": 7, "content": "Zz", "normalized": true, "lstrip": true,
                           "single_word": true}],
         "normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "NFC"},
           {"type": "Replace", "pattern": {"Regex": "q+"}, "content": "b"},
           {"type": "BertNormalizer", "lowercase": false}, {"type": "Strip"}]},
         "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
           {"type": "Split", "pattern": {"Regex": "[^x]+|x"}, "behavior": "MergedWithNext"},
           {"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "add_prefix_space": true}]},
         "decoder": {"type": "ByteLevel"},
         "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}},
           {"SpecialToken": {"id": "<|end|>"}}], "special_tokens": {"<|end|>": {"ids": [6]}}},
         "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "Ċ": 5,
           "z": 8, "Ã": 9, "©": 10, "1": 11}, "merges": ["a b", "Ġ ab"]}})"},
    {"characters",
     R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"},
         "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"},
           "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
           {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
         "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<unk>", "fuse_unk": true,
           "vocab": {"<unk>": 0, "▁": 1, "a": 2, "b": 3, "▁a": 4, "<0xC3>": 5, "<0xA9>": 6},
           "merges": ["▁ a"]}})"},
    {"unigram",
     R"({"added_tokens": [{"id": 4, "content": "</s>", "special": true, "lstrip": true}],
         "normalizer": {"type": "NFKC"},
         "pre_tokenizer": {"type": "Metaspace", "replacement": "▁"},
         "decoder": {"type": "Metaspace"},
         "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁", -1],
           ["▁ab", -2.5], ["a", -3]]}})"},
    {"wordpiece",
     R"({"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
         "decoder": {"type": "WordPiece"},
         "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "ab": 1,
           "##b": 2, "a": 3}}})"},
};

constexpr const char* kTexts[] = {
    "ab ab\n",     "",           "a1b zz Zz abab",       "\xc3\xa9 x ab<|end|>xx", "qq ab qb",
    " ab</s>ab  ", "\xff\xfe a", "ABAB \xe2\x96\x81 a,b"};

Tokenizer made(const char* json) {
  const ScratchFolder folder;
  folder.write("chat_template.jinja", "{{ messages[0].content }}<|end|>");
  const std::string path = folder.write("tokenizer.json", json);
  auto tokenizer = read_tokenizer(path, {});
  EXPECT_TRUE(tokenizer.ok()) << describe(tokenizer.error());
  return tokenizer.take();
}

void expect_equal(const Tokenizer& a, const Tokenizer& b) {
  EXPECT_EQ(a.model(), b.model());
  EXPECT_EQ(a.token_count(), b.token_count());
  EXPECT_EQ(a.special().bos, b.special().bos);
  EXPECT_EQ(a.special().eos, b.special().eos);
  EXPECT_EQ(Ids(a.end_ids().begin(), a.end_ids().end()),
            Ids(b.end_ids().begin(), b.end_ids().end()));
  EXPECT_TRUE(std::ranges::equal(a.chat_templates(), b.chat_templates()));
  for (const char* text : kTexts) {
    for (const bool special : {false, true}) {
      const EncodeOptions options{.add_special = special, .parse_special = special};
      const auto ids = a.encode(text, options);
      ASSERT_TRUE(ids.ok());
      EXPECT_EQ(*ids, *b.encode(text, options)) << text;
      EXPECT_EQ(a.decode(*ids, !special), b.decode(*ids, !special)) << text;
    }
  }
  for (int32_t id = 0; id < a.token_count(); ++id) {
    EXPECT_EQ(a.token(id), b.token(id));
    EXPECT_EQ(a.piece(id), b.piece(id));
    EXPECT_EQ(a.is_special(id), b.is_special(id));
  }
}

TEST(StoredTokenizer, DoesWhatItDid) {
  for (const auto& [name, json] : kFiles) {
    SCOPED_TRACE(name);
    const Tokenizer before = made(json);
    ASSERT_EQ(before.chat_templates().size(), 1u);
    const std::string bytes = stored_tokenizer(before);
    const auto after = stored_again(bytes);
    ASSERT_TRUE(after.ok()) << describe(after.error());
    expect_equal(before, *after);
    EXPECT_EQ(stored_tokenizer(*after), bytes);
  }
}

TEST(StoredTokenizer, HasToBeWhole) {
  for (const auto& [name, json] : kFiles) {
    const std::string bytes = stored_tokenizer(made(json));
    for (size_t size = 0; size < bytes.size(); ++size) {
      const auto read = stored_again(std::string_view(bytes).substr(0, size));
      ASSERT_FALSE(read.ok()) << name << " cut at " << size;
      EXPECT_EQ(info(read.error().id).blame, Blame::input);
    }
    EXPECT_EQ(stored_again(bytes + '\0').error().id, ErrorId::malformed);
  }
}

TEST(StoredTokenizer, DamagedBytesAreRefusedOrWork) {
  std::mt19937 random(5);
  size_t refused = 0;
  for (const auto& [name, json] : kFiles) {
    const std::string bytes = stored_tokenizer(made(json));
    for (int i = 0; i < 500; ++i) {
      std::string damaged = bytes;
      for (uint32_t n = random() % 2 + 1; n > 0; --n)
        damaged[random() % damaged.size()] = static_cast<char>(random() % 4 ? random() : 255);
      const auto read = stored_again(damaged);
      if (!read) {
        EXPECT_NE(info(read.error().id).blame, Blame::bug);
        ++refused;
        continue;
      }
      for (const char* text : kTexts) {
        const auto ids = read->encode(text);
        if (!ids) continue;
        for (const int32_t id : *ids) ASSERT_TRUE(id >= 0 && id < read->token_count());
        (void)read->decode(*ids);
      }
    }
  }
  EXPECT_GT(refused, 100u);
}

TEST(StoredTokenizer, CostsMemoryOfTheBudget) {
  const std::string bytes = stored_tokenizer(made(kFiles[0].second));
  Limits limits;
  limits.memory = 64;
  Ledger ledger(limits);
  EXPECT_EQ(read_stored_tokenizer(std::as_bytes(std::span(bytes)), ledger).error().id,
            ErrorId::over_memory);
}

}  // namespace
}  // namespace hone
