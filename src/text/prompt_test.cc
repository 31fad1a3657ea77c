// Tests of the tokens of prompts: the one that begins texts comes once.
#include "text/prompt.h"

#include <gtest/gtest.h>

#include "base/scratch_folder.h"
#include "text/conversation.h"
#include "text/tokenizer/read.h"

namespace hone {
namespace {

using Ids = std::vector<int32_t>;

// "a" is 0, "b" 1; texts stand between <s>, 2, and </s>, 3.
Tokenizer made(bool begins, bool ends) {
  const ScratchFolder folder;
  const auto special = [](const char* name) {
    return std::string(R"({"SpecialToken": {"id": ")") + name + R"(", "type_id": 0}})";
  };
  std::string single = R"({"Sequence": {"id": "A", "type_id": 0}})";
  if (begins) single = special("<s>") + ", " + single;
  if (ends) single += ", " + special("</s>");
  folder.write("tokenizer.json",
               R"({"added_tokens": [{"id": 2, "content": "<s>", "special": true},
                   {"id": 3, "content": "</s>", "special": true}],
                   "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
                   "decoder": {"type": "ByteLevel"},
                   "post_processor": {"type": "TemplateProcessing", "single": [)" +
                   single + R"(], "special_tokens": {
                     "<s>": {"id": "<s>", "ids": [2], "tokens": ["<s>"]},
                     "</s>": {"id": "</s>", "ids": [3], "tokens": ["</s>"]}}},
                   "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "<": 4, "s": 5, ">": 6},
                             "merges": []}})");
  folder.write("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>"})");
  auto tokenizer = read_tokenizer(folder.path(), Limits());
  EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : tokenizer.error().message);
  return tokenizer.take();
}

Prompt read(const Tokenizer& tokenizer, std::string_view text, bool special) {
  auto prompt = read_prompt(tokenizer, text, special);
  EXPECT_TRUE(prompt.ok());
  return prompt.take();
}

TEST(Prompt, BeginsOnce) {
  const Tokenizer t = made(true, false);
  ASSERT_TRUE(t.adds_bos());
  EXPECT_EQ(read(t, "ab", true).tokens, (Ids{2, 0, 1}));
  EXPECT_FALSE(read(t, "ab", true).spells_bos);
  EXPECT_EQ(read(t, "<s>ab", true).tokens, (Ids{2, 0, 1}));
  EXPECT_TRUE(read(t, "<s>ab", true).spells_bos);
  EXPECT_EQ(read(t, "<s>", true).tokens, (Ids{2}));
  // What is meant otherwise stays.
  EXPECT_EQ(read(t, "<s><s>ab", true).tokens, (Ids{2, 2, 0, 1}));
  EXPECT_EQ(read(t, "a<s>b", true).tokens, (Ids{2, 0, 2, 1}));
  EXPECT_FALSE(read(t, "a<s>b", true).spells_bos);
  EXPECT_EQ(read(t, "", true).tokens, (Ids{2}));
  EXPECT_FALSE(read(t, "", true).spells_bos);
  // Without special tokens in the prompt this is a text.
  EXPECT_EQ(read(t, "<s>", false).tokens, (Ids{2, 4, 5, 6}));
  EXPECT_FALSE(read(t, "<s>", false).spells_bos);
}

TEST(Prompt, KeepsItsEnd) {
  const Tokenizer both = made(true, true);
  EXPECT_EQ(read(both, "<s>a", true).tokens, (Ids{2, 0, 3}));
  EXPECT_EQ(read(both, "", true).tokens, (Ids{2, 3}));
  // Where nothing is put before it, it is the prompt's own.
  const Tokenizer end = made(false, true);
  EXPECT_EQ(read(end, "<s>a", true).tokens, (Ids{2, 0, 3}));
  EXPECT_FALSE(read(end, "<s>a", true).spells_bos);
}

TEST(Prompt, OfTemplatesBeginsOnce) {
  const Tokenizer t = made(true, false);
  for (const char* source :
       {"{{ messages[0].content }}", "{{ bos_token }}{{ messages[0].content }}",
        "<s>{{ messages[0].content }}"}) {
    const auto parsed = jinja::Template::parse(source);
    ASSERT_TRUE(parsed.ok());
    const auto tokens = tokens_of({.messages = {{"user", "ab"}}}, *parsed, t);
    ASSERT_TRUE(tokens.ok());
    EXPECT_EQ(*tokens, (Ids{2, 0, 1})) << source;
    // A message does not begin the text.
    EXPECT_EQ(*tokens_of({.messages = {{"user", "<s>"}}}, *parsed, t), (Ids{2, 4, 5, 6})) << source;
  }
}

}  // namespace
}  // namespace hone
