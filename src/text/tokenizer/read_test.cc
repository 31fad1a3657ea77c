// Tokenizers in GGUF files and SentencePiece models made here, whole and damaged.
#include "text/tokenizer/read.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/scratch_folder.h"
#include "base/text.h"
#include "formats/protobuf.h"
#include "text/tokenizer/charsmap.h"

namespace hone {
namespace {

using Ids = std::vector<int32_t>;

// Writes the metadata of a GGUF file.
class GgufWriter {
 public:
  GgufWriter& text(std::string_view key, std::string_view value) {
    head(key, 8);
    put_text(value);
    return *this;
  }
  GgufWriter& number(std::string_view key, uint32_t value) {
    head(key, 4);
    put(value);
    return *this;
  }
  GgufWriter& flag(std::string_view key, bool value) {
    head(key, 7);
    out_ += value ? '\1' : '\0';
    return *this;
  }
  GgufWriter& texts(std::string_view key, const std::vector<std::string>& values) {
    array(key, 8, values.size());
    for (const auto& value : values) put_text(value);
    return *this;
  }
  template <class T>
  GgufWriter& numbers(std::string_view key, uint32_t type, const std::vector<T>& values) {
    array(key, type, values.size());
    for (const T value : values) put(value);
    return *this;
  }
  std::string file() const {
    GgufWriter whole;
    whole.out_ = "GGUF";
    whole.put(uint32_t{3});
    whole.put(uint64_t{0});
    whole.put(count_);
    return whole.out_ + out_ + std::string(64, '\0');
  }

 private:
  template <class T>
  void put(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put_text(std::string_view value) {
    put(uint64_t{value.size()});
    out_ += value;
  }
  void head(std::string_view key, uint32_t type) {
    put_text("tokenizer." + std::string(key));
    put(type);
    ++count_;
  }
  void array(std::string_view key, uint32_t type, uint64_t count) {
    head(key, 9);
    put(type);
    put(count);
  }
  std::string out_;
  uint64_t count_ = 0;
};

Result<Tokenizer> read_file(std::string_view bytes) {
  const ScratchFolder folder;
  return read_tokenizer(folder.write("model", bytes), {});
}

const std::vector<std::string> kPieces{"<unk>",
                                       "<s>",
                                       "</s>",
                                       "<0x0A>",
                                       "<0xC3>",
                                       "<0xA9>",
                                       "\xe2\x96\x81",
                                       "a",
                                       "b",
                                       "ab",
                                       "\xe2\x96\x81"
                                       "ab",
                                       "<|im_end|>"};

GgufWriter llama() {
  GgufWriter w;
  w.text("ggml.model", "llama")
      .texts("ggml.tokens", kPieces)
      .numbers<int32_t>("ggml.token_type", 5, {2, 3, 3, 6, 6, 6, 1, 1, 1, 1, 1, 4})
      .numbers<float>("ggml.scores", 6, {0, 0, 0, 0, 0, 0, -1, -2, -3, -4, -5, 0})
      .text("chat_template", "{{ main }}")
      .text("chat_template.tools", "{{ tools }}");
  return w;
}

GgufWriter gpt2(std::string_view pre) {
  GgufWriter w;
  w.text("ggml.model", "gpt2");
  if (!pre.empty()) w.text("ggml.pre", pre);
  w.texts("ggml.tokens", {"a", "b", "ab", "\xc4\xa0",
                          "\xc4\xa0"
                          "ab",
                          "1", "<|im_start|>", "<|im_end|>", "<b>"})
      .numbers<int32_t>("ggml.token_type", 5, {1, 1, 1, 1, 1, 1, 3, 4, 4})
      .texts("ggml.merges", {"a b", "\xc4\xa0 ab"})
      .number("ggml.eos_token_id", 7)
      .number("ggml.bos_token_id", 6);
  return w;
}

TEST(GgufTokenizer, Llama) {
  const auto t = read_file(llama().file());
  ASSERT_TRUE(t.ok()) << describe(t.error());
  EXPECT_EQ(*t->encode("ab ab"), (Ids{1, 10, 10}));
  EXPECT_EQ(*t->encode("\xc3\xa9\n"), (Ids{1, 6, 4, 5, 3}));
  EXPECT_EQ(*t->encode("ab<|im_end|>ab", {.add_special = false}), (Ids{10, 11, 10}));
  EXPECT_EQ(t->encode("<|im_end|>", {.add_special = false, .parse_special = false})->size(), 11u);
  EXPECT_EQ(t->decode(Ids{1, 10, 10, 4, 5}), "ab ab\xc3\xa9");
  EXPECT_TRUE(t->adds_bos());
  EXPECT_EQ(Ids(t->end_ids().begin(), t->end_ids().end()), (Ids{2, 11}));
  EXPECT_EQ(t->special().end_of_turn, 11);
  ASSERT_EQ(t->chat_templates().size(), 2u);
  EXPECT_EQ(t->chat_templates()[0], std::pair(std::string("default"), std::string("{{ main }}")));
  EXPECT_EQ(t->chat_templates()[1].first, "tools");
}

TEST(GgufTokenizer, KeysDecide) {
  const auto t = read_file(llama()
                               .flag("ggml.add_bos_token", false)
                               .flag("ggml.add_eos_token", true)
                               .flag("ggml.add_space_prefix", false)
                               .file());
  ASSERT_TRUE(t.ok());
  EXPECT_EQ(*t->encode("ab"), (Ids{9, 2}));
  EXPECT_EQ(t->decode(Ids{10}), " ab");
}

TEST(GgufTokenizer, ByteLevel) {
  const auto t = read_file(gpt2("qwen2").file());
  ASSERT_TRUE(t.ok()) << describe(t.error());
  EXPECT_TRUE(t->warnings().empty());
  EXPECT_EQ(t->pre_tokenizer(), "qwen2");
  EXPECT_EQ(*t->encode("ab ab11<|im_end|>"), (Ids{2, 4, 5, 5, 7}));
  // A user-defined token is cut out always, unless it looks like one of a template.
  EXPECT_EQ(*t->encode("<b>a<|im_end|>", {.add_special = true, .parse_special = false}),
            (Ids{8, 0}));
  EXPECT_TRUE(t->ends_generation(7));
  EXPECT_FALSE(t->adds_bos());
}

TEST(GgufTokenizer, UnknownPreTokenizersAreTold) {
  const auto t = read_file(gpt2("nobody's").file());
  ASSERT_TRUE(t.ok());
  ASSERT_EQ(t->warnings().size(), 1u);
  EXPECT_NE(t->warnings()[0].find("nobody's"), std::string::npos);
  EXPECT_EQ(*t->encode("ab"), (Ids{2}));
  EXPECT_EQ(read_file(gpt2("").file())->warnings().size(), 1u);
}

TEST(GgufTokenizer, MergesOfNothingAreTold) {
  GgufWriter w;
  w.text("ggml.model", "gpt2")
      .text("ggml.pre", "gpt-2")
      .texts("ggml.tokens", {"a", "b", "ab"})
      .texts("ggml.merges", {"a c", "a b"});
  const auto t = read_file(w.file());
  ASSERT_TRUE(t.ok()) << describe(t.error());
  EXPECT_EQ(*t->encode("ab"), (Ids{2}));
  ASSERT_EQ(t->warnings().size(), 1u);
  EXPECT_NE(t->warnings()[0].find("1 of 2 merges"), std::string::npos);
}

TEST(GgufTokenizer, BadMetadataIsRefused) {
  const auto refused = [](const GgufWriter& w, ErrorId id, std::string_view told) {
    const auto t = read_file(w.file());
    ASSERT_FALSE(t.ok());
    EXPECT_EQ(t.error().id, id);
    EXPECT_NE(describe(t.error()).find(told), std::string::npos) << describe(t.error());
  };
  refused(GgufWriter(), ErrorId::malformed, "no tokenizer");
  refused(GgufWriter().text("ggml.model", "odd").texts("ggml.tokens", {"a"}),
          ErrorId::unsupported_feature, "odd");
  refused(GgufWriter().text("ggml.model", "llama"), ErrorId::malformed, "tokens is missing");
  refused(GgufWriter().text("ggml.model", "llama").texts("ggml.tokens", {"a"}), ErrorId::malformed,
          "0 scores for 1 tokens");
  refused(GgufWriter().text("ggml.model", "gpt2").texts("ggml.tokens", {"a"}), ErrorId::malformed,
          "merges is missing");
  refused(GgufWriter()
              .text("ggml.model", "gpt2")
              .texts("ggml.tokens", {"a"})
              .numbers<int32_t>("ggml.token_type", 5, {1, 1}),
          ErrorId::malformed, "2 types for 1 tokens");
  refused(GgufWriter()
              .text("ggml.model", "llama")
              .texts("ggml.tokens", {"a"})
              .numbers<float>("ggml.scores", 6, {std::numeric_limits<float>::quiet_NaN()}),
          ErrorId::malformed, "not a number");
  refused(GgufWriter()
              .text("ggml.model", "t5")
              .texts("ggml.tokens", {"a"})
              .numbers<float>("ggml.scores", 6, {0})
              .text("ggml.precompiled_charsmap", "x"),
          ErrorId::malformed, "charsmap");
}

std::string sentencepiece() {
  WireWriter model;
  const std::vector<uint64_t> types{2, 3, 3, 6, 6, 6, 1, 1, 1, 1, 1, 4};
  for (size_t i = 0; i < kPieces.size(); ++i) {
    WireWriter piece;
    piece.text(1, kPieces[i]);
    piece.float32(2, -static_cast<float>(i));
    piece.varint(3, types[i]);
    model.message(1, piece);
  }
  WireWriter trainer;
  trainer.varint(3, 2);
  trainer.varint(35, 1);
  model.message(2, trainer);
  return model.take();
}

TEST(SentencepieceModel, Alone) {
  const auto t = read_file(sentencepiece());
  ASSERT_TRUE(t.ok()) << describe(t.error());
  EXPECT_EQ(*t->encode("ab  ab"), (Ids{1, 10, 10}));
  EXPECT_EQ(*t->encode("ab", {.add_special = false}), (Ids{10}));
  EXPECT_EQ(t->decode(Ids{1, 10, 10}), "ab ab");
}

// A hostile file may be refused or read, and what is read has to work; here nothing may break.
void damage(const std::string& file, uint32_t seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < 400; ++i) {
    std::string bytes = file;
    for (uint32_t n = random() % 3 + 1; n > 0; --n) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0: bytes[at] = static_cast<char>(random()); break;
        case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
        case 2: bytes.resize(std::max<size_t>(at, 1)); break;
        default: bytes.insert(at, 1, static_cast<char>(random())); break;
      }
    }
    const auto t = read_file(bytes);
    if (!t) {
      EXPECT_NE(info(t.error().id).blame, Blame::bug);
      continue;
    }
    const auto ids = t->encode("ab ab\xff \xc3\xa9 </s>1");
    if (!ids) continue;
    for (const int32_t id : *ids) ASSERT_LT(id, t->token_count());
    (void)t->decode(*ids);
  }
}

TEST(DamagedTokenizers, Gguf) {
  damage(llama().file(), 1);
  damage(gpt2("llama-bpe").file(), 2);
}

TEST(DamagedTokenizers, Sentencepiece) { damage(sentencepiece(), 3); }

TEST(DamagedTokenizers, Json) {
  damage(
      R"({"added_tokens": [{"id": 4, "content": "</s>", "special": true, "lstrip": true}], "normalizer": {"type": "NFKC"}, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁"}, "decoder": {"type": "Metaspace"}, "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁", -1], ["▁ab", -2.5], ["a", -3]]}})",
      4);
}

TEST(Charsmap, FindsTheLongestAndTheShortest) {
  // A trie of "a" to "x" and "ab" to "yz": offsets are chosen by hand.
  std::vector<uint32_t> units(512);
  const auto offset = [](uint32_t n) { return n << 10; };
  units[0] = offset(0x80);                           // the root
  units[0x80 ^ 'a'] = offset(0x100) | 1 << 8 | 'a';  // a value, and more
  const uint32_t a = (0x80 ^ 'a') ^ 0x100;
  units[a] = 0 | uint32_t{1} << 31;  // the text at 0
  units[a ^ 'b'] = offset(0x40) | 1 << 8 | 'b';
  units[(a ^ 'b') ^ 0x40] = 2 | uint32_t{1} << 31;  // the text at 2
  std::string blob;
  const auto size = static_cast<uint32_t>(units.size() * 4);
  blob.append(reinterpret_cast<const char*>(&size), 4);
  blob.append(reinterpret_cast<const char*>(units.data()), size);
  blob += std::string("x\0yz\0", 5);
  Ledger ledger({});
  const auto map = tokenizer::Charsmap::read(std::as_bytes(std::span(blob)), ledger);
  ASSERT_TRUE(map.ok());
  using Which = tokenizer::Charsmap::Which;
  EXPECT_EQ(map->find("abc", Which::longest)->replacement, "yz");
  EXPECT_EQ(map->find("abc", Which::longest)->length, 2u);
  EXPECT_EQ(map->find("abc", Which::shortest)->replacement, "x");
  EXPECT_EQ(map->find("ac", Which::longest)->replacement, "x");
  EXPECT_FALSE(map->find("b", Which::longest));
  EXPECT_FALSE(map->find("", Which::longest));
  std::string cut = blob;
  cut[4 + size] = '\x80';
  EXPECT_EQ(tokenizer::Charsmap::read(std::as_bytes(std::span(cut)), ledger).error().id,
            ErrorId::not_utf8);
  // Places behind the end are no places.
  std::mt19937 random(5);
  for (int i = 0; i < 1000; ++i) {
    std::string bad = blob;
    for (int n = 0; n < 40; ++n) bad[4 + random() % size] = static_cast<char>(random());
    const auto hostile = tokenizer::Charsmap::read(std::as_bytes(std::span(bad)), ledger);
    if (hostile) (void)hostile->find("abab", Which::longest);
  }
}

}  // namespace
}  // namespace hone
