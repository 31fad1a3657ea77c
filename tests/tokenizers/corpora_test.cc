// Vocabularies of known models: ids as they were recorded, where the folder of real models is at
// hand.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "formats/json.h"
#include "random_text.h"
#include "text/tokenizer/read.h"
#include "text/tokenizer/stored.h"

namespace hone {
namespace {

const std::string kCorpora = HONE_CORPORA;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Stored and read again, as artefacts carry it: what is recorded has to hold of that, too.
Tokenizer read(const std::string& name) {
  auto tokenizer = read_tokenizer(kCorpora + "/" + name, {});
  EXPECT_TRUE(tokenizer.ok()) << describe(tokenizer.error());
  const std::string bytes = stored_tokenizer(*tokenizer);
  Ledger ledger{Limits()};
  auto again = read_stored_tokenizer(std::as_bytes(std::span(bytes)), ledger);
  EXPECT_TRUE(again.ok()) << describe(again.error());
  EXPECT_EQ(stored_tokenizer(*again), bytes);
  return again.take();
}

class Corpora : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kCorpora)) GTEST_SKIP() << "no corpora at " << kCorpora;
  }
};

std::vector<std::string> split(const std::string& text, const std::string& by) {
  std::vector<std::string> parts;
  size_t at = 0;
  for (size_t next; (next = text.find(by, at)) != std::string::npos; at = next + by.size())
    parts.push_back(text.substr(at, next - at));
  parts.push_back(text.substr(at));
  return parts;
}

TEST_F(Corpora, GgufVocabularies) {
  for (const char* name : {"bert-bge", "falcon", "gpt-2", "llama-spm"}) {
    const std::string path = std::string("gguf-vocab/ggml-vocab-") + name + ".gguf";
    const Tokenizer tokenizer = read(path);
    const auto texts = split(contents(kCorpora + "/" + path + ".inp"), "\n__ggml_vocab_test__\n");
    const auto lines = split(contents(kCorpora + "/" + path + ".out"), "\n");
    ASSERT_GT(texts.size(), 40u);
    ASSERT_GE(lines.size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      std::istringstream line(lines[i]);
      std::vector<int32_t> want;
      for (int32_t id; line >> id;) want.push_back(id);
      const auto got = tokenizer.encode(texts[i], {.add_special = false, .parse_special = false});
      ASSERT_TRUE(got.ok());
      EXPECT_EQ(*got, want) << name << ": " << quote(texts[i]);
    }
  }
}

std::vector<int32_t> ids_of(Json json) {
  std::vector<int32_t> ids;
  for (const Json id : json.elements()) ids.push_back(static_cast<int32_t>(id.as_int64().take()));
  return ids;
}

TEST_F(Corpora, RecordedIds) {
  struct Case {
    const char *expected, *model;
    bool decodes;  // as hone does it
  };
  for (const auto& [expected, model, decodes] :
       {Case{"roberta-base", "roberta-base.tokenizer.json", true},
        Case{"t5-small", "t5-small.tokenizer.json", true},
        Case{"sp_test_model.model", "sp_test_model.model", true},
        Case{"bert_uncased", "bert_uncased_vocab.txt", false}}) {
    const Tokenizer tokenizer = read(std::string("tokenizers/") + model);
    Ledger ledger({});
    const std::string text = contents(kCorpora + "/expected/tokenizers/" + expected + ".json");
    const auto document = JsonDocument::parse(text, ledger);
    ASSERT_TRUE(document.ok());
    ASSERT_GT(document->root().size(), 40u);
    for (const Json json : document->root().elements()) {
      const std::string spelled(json.get("text").take().as_string().take());
      const auto plain = json.find("ids_no_special");
      const auto want = ids_of(json.get("ids").take());
      const bool special = plain.has_value();
      const auto got =
          tokenizer.encode(spelled, {.add_special = special, .parse_special = special});
      ASSERT_TRUE(got.ok());
      EXPECT_EQ(*got, want) << expected << ": " << quote(spelled);
      const auto bare = plain ? ids_of(*plain) : want;
      const auto without =
          tokenizer.encode(spelled, {.add_special = false, .parse_special = special});
      ASSERT_TRUE(without.ok());
      EXPECT_EQ(*without, bare);
      if (!decodes) continue;
      EXPECT_EQ(tokenizer.decode(bare, false), json.get("decoded").take().as_string().take());
    }
  }
}

// Byte-level tokenizers lose nothing, whatever the bytes.
TEST_F(Corpora, BytesComeBackExactly) {
  testing::RandomText random(1);
  for (const char* name :
       {"gguf-vocab/ggml-vocab-gpt-2.gguf", "tokenizers/roberta-base.tokenizer.json"}) {
    const Tokenizer tokenizer = read(name);
    for (int i = 0; i < 3000; ++i) {
      const std::string text = random.bytes();
      const auto ids = tokenizer.encode(text, {.add_special = false, .parse_special = false});
      ASSERT_TRUE(ids.ok());
      ASSERT_EQ(tokenizer.decode(*ids), text) << name;
    }
  }
  // With byte fallback, too.
  const Tokenizer tokenizer = read("gguf-vocab/ggml-vocab-llama-spm.gguf");
  for (int i = 0; i < 3000; ++i) {
    const std::string text = "a" + random.bytes();
    const auto ids = tokenizer.encode(text, {.add_special = false, .parse_special = false});
    ASSERT_TRUE(ids.ok());
    std::string want = text;  // a mark is a space, whoever writes it
    for (size_t at; (at = want.find("\xe2\x96\x81")) != std::string::npos;)
      want.replace(at, 3, " ");
    ASSERT_EQ(tokenizer.decode(*ids), want);
  }
}

// What comes as tokens come is what comes at once, and ends at characters.
TEST_F(Corpora, StreamsAreWhole) {
  testing::RandomText random(2);
  for (const char* name :
       {"gguf-vocab/ggml-vocab-gpt-2.gguf", "gguf-vocab/ggml-vocab-llama-spm.gguf",
        "tokenizers/t5-small.tokenizer.json", "tokenizers/sp_test_model.model",
        "tokenizers/bert_uncased_vocab.txt"}) {
    const Tokenizer tokenizer = read(name);
    for (int i = 0; i < 1000; ++i) {
      const std::string text = random.text({"hello", "world"});
      const auto ids = tokenizer.encode(text);
      ASSERT_TRUE(ids.ok());
      StreamDecoder stream(tokenizer);
      std::string joined;
      for (const int32_t id : *ids) {
        const std::string piece = stream.next(id);
        ASSERT_TRUE(is_utf8(piece)) << name;
        joined += piece;
      }
      joined += stream.finish();
      ASSERT_EQ(joined, tokenizer.decode(*ids)) << name;
    }
  }
}

}  // namespace
}  // namespace hone
