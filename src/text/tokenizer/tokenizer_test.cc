// Small tokenizers of every kind: special tokens, marked text, streams, files that are refused.
#include "text/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "base/scratch_folder.h"
#include "base/text.h"
#include "text/tokenizer/encoder.h"
#include "text/tokenizer/read.h"

namespace hone {
namespace {

using Ids = std::vector<int32_t>;

Result<Tokenizer> read_text(std::string_view json, Limits limits = {}) {
  const ScratchFolder folder;
  return read_tokenizer(folder.write("tokenizer.json", json), limits);
}

// Byte-level, with some merges; "<|end|>" is special, "<note>" is not.
constexpr std::string_view kBytes = R"({
  "added_tokens": [
    {"id": 8, "content": "<|end|>", "special": true, "normalized": false},
    {"id": 9, "content": "<note>", "special": false, "normalized": false},
    {"id": 10, "content": "<|start|>", "special": true, "normalized": false, "rstrip": true}],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
  "decoder": {"type": "ByteLevel"},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<|start|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"<|start|>": {"id": "<|start|>", "ids": [10], "tokens": ["<|start|>"]}}},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "<": 5, "|": 6, ">": 7,
    "Ã": 11, "©": 12, "Ã©": 13, "e": 14, "n": 15, "d": 16, "abab": 17},
    "merges": ["a b", "Ġ ab", "ab ab"]}})";

Tokenizer bytes() { return read_text(kBytes).take(); }

TEST(Tokenizer, MergesInOrder) {
  const Tokenizer t = bytes();
  EXPECT_EQ(*t.encode("abab ab", {.add_special = false}), (Ids{17, 4}));
  EXPECT_EQ(*t.encode("abab ab"), (Ids{10, 17, 4}));
  EXPECT_EQ(*t.encode("aab\xc3\xa9", {.add_special = false}), (Ids{0, 3, 11, 12}));
  EXPECT_EQ(*t.encode(""), (Ids{10}));
  EXPECT_TRUE(t.encode("", {.add_special = false})->empty());
}

TEST(Tokenizer, LongWordsMergeAsShortOnes) {
  const Tokenizer t = bytes();
  std::string text;
  Ids want;
  for (int i = 0; i < 1000; ++i) {
    text += "aabab";
    want.insert(want.end(), {0, 17});
  }
  EXPECT_EQ(*t.encode(text, {.add_special = false}), want);
}

TEST(Tokenizer, SpecialTokensWhereTheyAreAllowed) {
  const Tokenizer t = bytes();
  EXPECT_EQ(*t.encode("a<|end|>b", {.add_special = false}), (Ids{0, 8, 1}));
  EXPECT_EQ(*t.encode("a<|end|>b", {.add_special = false, .parse_special = false}),
            (Ids{0, 5, 6, 14, 15, 16, 6, 7, 1}));
  // One that is not special is text with a token of its own.
  EXPECT_EQ(*t.encode("a<note>", {.add_special = false, .parse_special = false}), (Ids{0, 9}));
  EXPECT_EQ(*t.encode("a<|start|>  \nb", {.add_special = false}), (Ids{0, 10, 1}));
  EXPECT_TRUE(t.is_special(8));
  EXPECT_FALSE(t.is_special(9));
  EXPECT_FALSE(t.is_special(-1));
  EXPECT_FALSE(t.is_special(1000));
}

TEST(Tokenizer, MarkedTextIsOneText) {
  const Tokenizer t = bytes();
  const EncodeOptions plain{.add_special = false};
  const auto encode = [&](std::initializer_list<MarkedText> parts) {
    return *t.encode(std::span(parts.begin(), parts.size()), plain);
  };
  // Words go across the borders.
  EXPECT_EQ(encode({{"a", true}, {"b", false}, {"ab", true}}), (Ids{17}));
  EXPECT_EQ(encode({{"<|end|>", true}, {"ab", false}}), (Ids{8, 3}));
  EXPECT_EQ(encode({{"ab", true}, {"<|end|>", false}}), (Ids{3, 5, 6, 14, 15, 16, 6, 7}));
  // Not even with the help of a trusted neighbour.
  EXPECT_EQ(encode({{"<|en", false}, {"d|>", true}}), (Ids{5, 6, 14, 15, 16, 6, 7}));
  EXPECT_EQ(encode({{"<|en", true}, {"d|>", true}}), (Ids{5, 6, 14, 15, 16, 6, 7}));
  EXPECT_EQ(encode({}), Ids{});
}

TEST(Tokenizer, NamesAndEnds) {
  const Tokenizer t = bytes();
  EXPECT_EQ(t.token_count(), 18);
  EXPECT_EQ(t.token(4),
            "\xc4\xa0"
            "ab");
  EXPECT_EQ(t.piece(4), " ab");
  EXPECT_EQ(t.find("\xc4\xa0"
                   "ab"),
            4);
  EXPECT_EQ(t.find("<|end|>"), 8);
  EXPECT_FALSE(t.find("nothing"));
  EXPECT_EQ(t.token(-1), "");
  EXPECT_EQ(t.token(99), "");
  EXPECT_EQ(t.piece(99), "");
  EXPECT_TRUE(t.ends_generation(8));
  EXPECT_FALSE(t.ends_generation(0));
  EXPECT_EQ(t.model(), "byte-level BPE");
}

TEST(Tokenizer, DecodesWithAndWithoutSpecialTokens) {
  const Tokenizer t = bytes();
  EXPECT_EQ(t.decode(Ids{10, 3, 4, 8}), "ab ab");
  EXPECT_EQ(t.decode(Ids{10, 3, 4, 8}, false), "<|start|>ab ab<|end|>");
  EXPECT_EQ(t.decode(Ids{3, -5, 99999, 3}), "abab");
}

TEST(StreamDecoder, KeepsIncompleteCharacters) {
  StreamDecoder stream(bytes());
  EXPECT_EQ(stream.next(0), "a");
  EXPECT_EQ(stream.next(11), "");
  EXPECT_EQ(stream.next(12), "\xc3\xa9");
  EXPECT_EQ(stream.next(8), "");  // special
  EXPECT_EQ(stream.next(11), "");
  EXPECT_EQ(stream.next(0),
            "\xc3"
            "a");  // nothing can complete it
  EXPECT_EQ(stream.next(11), "");
  EXPECT_EQ(stream.finish(), "\xc3");
  EXPECT_EQ(stream.finish(), "");
}

// SentencePiece's way in tokenizer.json, as Llama 2 has it.
constexpr std::string_view kLlama = R"({
  "added_tokens": [{"id": 1, "content": "<s>", "special": true}, {"id": 0, "content": "<unk>", "special": true}],
  "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
  "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
    {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
  "model": {"type": "BPE", "byte_fallback": true, "fuse_unk": true, "unk_token": "<unk>",
    "vocab": {"<unk>": 0, "<s>": 1, "<0xC3>": 2, "<0xA9>": 3, "<0xFF>": 4, "▁": 5, "a": 6, "b": 7, "▁a": 8, "▁ab": 9},
    "merges": [["▁", "a"], ["▁a", "b"]]}})";

TEST(Tokenizer, FallsBackToBytes) {
  const Tokenizer t = read_text(kLlama).take();
  EXPECT_EQ(*t.encode("ab a"), (Ids{9, 8}));
  EXPECT_EQ(*t.encode("a\xc3\xa9"), (Ids{8, 2, 3}));
  EXPECT_EQ(*t.encode("a\xff"
                      "b"),
            (Ids{8, 4, 7}));  // not UTF-8
  EXPECT_EQ(*t.encode("a\xe6\xbc\xa2\xe6\xbc\xa2"), (Ids{8, 0}));
  EXPECT_EQ(t.decode(Ids{9, 8, 2, 3}), "ab a\xc3\xa9");
  StreamDecoder stream(t, true, true);
  EXPECT_EQ(stream.next(9), " ab");  // goes on behind other text
  StreamDecoder fresh(t);
  EXPECT_EQ(fresh.next(9), "ab");
  EXPECT_EQ(fresh.next(9), " ab");
}

TEST(Tokenizer, WordPieces) {
  const ScratchFolder folder;
  const auto t = read_tokenizer(
      folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n##s\n,\ncafe\nwe\n"),
      {});
  ASSERT_TRUE(t.ok()) << describe(t.error());
  EXPECT_EQ(*t->encode("HELLOs, caf\xc3\xa9 [MASK]"), (Ids{2, 5, 6, 7, 8, 4, 3}));
  EXPECT_EQ(*t->encode("hellox we"), (Ids{2, 1, 9, 3}));
  EXPECT_EQ(*t->encode("[MASK]", {.add_special = false, .parse_special = false}), (Ids{1, 1, 1}));
  EXPECT_EQ(t->decode(Ids{2, 5, 6, 7, 8, 3}), "hellos, cafe");
  EXPECT_EQ(*t->encode(std::string(200, 'x')), (Ids{2, 1, 3}));
}

TEST(Tokenizer, CasedVocabulariesKeepCase) {
  const ScratchFolder folder;
  const auto t = read_tokenizer(folder.write("vocab.txt", "[UNK]\nHello\nhello\n"), {});
  ASSERT_TRUE(t.ok());
  EXPECT_EQ(*t->encode("Hello hello HELLO"), (Ids{1, 2, 0}));
  folder.write("tokenizer_config.json", R"({"do_lower_case": true})");
  const auto lower = read_tokenizer(folder / "vocab.txt", {});
  EXPECT_EQ(*lower->encode("Hello hello HELLO"), (Ids{2, 2, 2}));
}

TEST(Tokenizer, VocabularyAndMerges) {
  const ScratchFolder folder;
  folder.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġab": 4, "<|endoftext|>": 5})");
  folder.write("merges.txt", "#version: 0.2\na b\nĠ ab\n");
  folder.write("config.json", R"({"eos_token_id": [5, 1]})");
  folder.write("tokenizer_config.json",
               R"({"bos_token": {"content": "<|endoftext|>"}, "eos_token": "<|endoftext|>",
                   "chat_template": "{{ messages }}"})");
  const auto t = read_tokenizer(folder.path(), {});
  ASSERT_TRUE(t.ok()) << describe(t.error());
  EXPECT_EQ(*t->encode("ab ab<|endoftext|>"), (Ids{2, 4, 5}));
  EXPECT_EQ(t->eos(), 5);
  EXPECT_EQ(t->bos(), 5);
  EXPECT_FALSE(t->adds_bos());
  EXPECT_EQ(Ids(t->end_ids().begin(), t->end_ids().end()), (Ids{1, 5}));
  ASSERT_EQ(t->chat_templates().size(), 1u);
  EXPECT_EQ(t->chat_templates()[0].first, "default");
  EXPECT_EQ(t->chat_templates()[0].second, "{{ messages }}");
}

TEST(Tokenizer, NothingInAFolder) {
  const ScratchFolder folder;
  const auto t = read_tokenizer(folder.path(), {});
  ASSERT_FALSE(t.ok());
  EXPECT_EQ(t.error().id, ErrorId::not_found);
}

void expect_refused(std::string_view json, ErrorId id, std::string_view told) {
  const auto t = read_text(json);
  ASSERT_FALSE(t.ok()) << json;
  EXPECT_EQ(t.error().id, id) << describe(t.error());
  EXPECT_NE(describe(t.error()).find(told), std::string::npos) << describe(t.error());
}

TEST(Tokenizer, BadFilesAreRefused) {
  expect_refused(R"({"model": {}})", ErrorId::malformed, "vocab");
  expect_refused(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}})",
                 ErrorId::malformed, "merge 0");
  expect_refused(R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}})",
                 ErrorId::malformed, "what they make");
  expect_refused(R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}})",
                 ErrorId::malformed, "same id");
  expect_refused(R"({"model": {"type": "BPE", "vocab": {"a": 4000000000}, "merges": []}})",
                 ErrorId::malformed, "4000000000");
  expect_refused(R"({"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}})",
                 ErrorId::malformed, "uint64");
  expect_refused(R"({"model": {"type": "Magic", "vocab": {"a": 0}}})", ErrorId::unsupported_feature,
                 "Magic");
  expect_refused(R"({"model": {"type": "Unigram", "unk_id": 7, "vocab": [["a", -1]]}})",
                 ErrorId::malformed, "unk_id 7");
  expect_refused(R"({"model": {"type": "Unigram", "vocab": [["a"]]}})", ErrorId::malformed,
                 "pairs");
  expect_refused(R"({"normalizer": {"type": "Odd"}, "model": {"vocab": {"a": 0}}})",
                 ErrorId::unsupported_feature, "Odd");
  expect_refused(
      R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"},
                    "model": {"vocab": {"a": 0}}})",
      ErrorId::malformed, "expression");
  expect_refused(R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AQAAAA=="},
                    "model": {"vocab": {"a": 0}}})",
                 ErrorId::truncated, "trie");
  expect_refused(R"({"post_processor": {"type": "BertProcessing", "sep": ["x", 9], "cls": ["y", 0]},
                    "model": {"vocab": {"a": 0}}})",
                 ErrorId::malformed, "no token 9");
  expect_refused(R"({"model": {"vocab": {"a": 0}})", ErrorId::malformed, "JSON");
  std::string deep = R"({"type": "Lowercase"})";
  for (int i = 0; i < 40; ++i) deep = R"({"type": "Sequence", "normalizers": [)" + deep + "]}";
  expect_refused(R"({"normalizer": )" + deep + R"(, "model": {"vocab": {"a": 0}}})",
                 ErrorId::over_depth, "deep");
}

// Seconds that one text took, and what came of it.
std::pair<double, Status> encoded(const Tokenizer& t, std::string_view text, double time) {
  tokenizer::Trust trust;
  trust.ranges.push_back({0, text.size()});
  Ids ids;
  const auto begin = std::chrono::steady_clock::now();
  Status status = tokenizer::Encoder(t.parts(), text.size(), tokenizer::SearchTime(time))
                      .encode(text, trust, ids);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return {took.count(), std::move(status)};
}

// Texts between special tokens are searched one after another, by every step; their time is one.
TEST(Tokenizer, ExpressionsShareTheTimeOfAText) {
  for (const char* steps :
       {R"("pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a*a*a*a*a*[cd]"},
           "behavior": "Isolated"})",
        R"("normalizer": {"type": "Replace", "pattern": {"Regex": "a*a*a*a*a*[cd]"},
           "content": "x"})"}) {
    const auto t = read_text(std::string("{") + steps +
                             R"(, "added_tokens": [{"id": 1, "content": "|", "special": true,
                                 "normalized": false}],
                                 "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})");
    ASSERT_TRUE(t.ok()) << t.error().message;
    const std::string piece(110, 'a');
    double alone = 1e9;
    for (int i = 0; i < 5; ++i) {
      const auto [took, status] = encoded(*t, piece, 60);
      EXPECT_TRUE(status.ok());
      alone = std::min(alone, took);
    }
    ASSERT_GT(alone, 2e-3);
    std::string text;
    for (int i = 0; i < 40; ++i) text += piece + "|";
    EXPECT_TRUE(encoded(*t, text, 600).second.ok());
    const auto [took, status] = encoded(*t, text, 8 * alone);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().id, ErrorId::over_time);
  }
}

TEST(Tokenizer, MemoryIsCounted) {
  Limits limits;
  limits.memory = 4000;
  const auto t = read_text(kBytes, limits);
  ASSERT_FALSE(t.ok());
  EXPECT_EQ(t.error().id, ErrorId::over_memory);
}

}  // namespace
}  // namespace hone
