// The public API for language models as a program outside uses it.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/scratch_folder.h"
#include "hone/language.h"
#include "tiny_model.h"

namespace hone::v1 {
namespace {

// A model of random weights with a tokenizer of bytes.
class LanguageApi : public testing::Test {
 protected:
  void SetUp() override {
    path_ = folder_.path() + "/model.gguf";
    ASSERT_TRUE(test::write_tiny_llama(path_, "q8_0").ok());
    std::string vocab;
    int id = 0;
    for (char c = '#'; c <= '~'; ++c)
      if (c != '\\') vocab += std::string("\"") + c + "\": " + std::to_string(id++) + ", ";
    vocab += "\"\u0120\": " + std::to_string(id++);
    const auto special = [&](const char* name) {
      return R"({"id": )" + std::to_string(id++) + R"(, "content": ")" + name +
             R"(", "special": true})";
    };
    const std::string added = special("<|im_start|>") + ", " + special("<|im_end|>");
    folder_.write("tokenizer.json",
                  R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, )"
                  R"("decoder": {"type": "ByteLevel"}, "added_tokens": [)" +
                      added + R"(], "model": {"type": "BPE", "vocab": {)" + vocab +
                      R"(}, "merges": []}})");
    options_.tokenizer = folder_.path() + "/tokenizer.json";
    options_.compile.threads = 2;
    options_.context = 200;
    options_.cached_tokens = 600;
  }
  LanguageModel opened() {
    auto model = LanguageModel::open(path_, options_);
    EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().describe());
    return *std::move(model);
  }
  ScratchFolder folder_;
  std::string path_;
  LanguageOptions options_;
};

TEST_F(LanguageApi, TokenizesAndSpells) {
  const LanguageModel model = opened();
  EXPECT_EQ(model.context(), 200);
  EXPECT_EQ(model.vocabulary(), 300);
  const auto tokens = model.tokenize("to be");
  ASSERT_TRUE(tokens.ok());
  EXPECT_EQ(tokens->size(), 5u);
  EXPECT_EQ(model.text_of(*tokens), "to be");
  // What text spells is text, unless it is asked for.
  EXPECT_GT(model.tokenize("<|im_end|>")->size(), 1u);
  const auto special = model.tokenize("<|im_end|>", {.parse_special = true});
  EXPECT_EQ(special->size(), 1u);
  EXPECT_EQ(model.text_of(*special), "");
  EXPECT_EQ(model.text_of(*special, true), "<|im_end|>");
}

TEST_F(LanguageApi, OpensArtefactsThatCarryTheirTokenizer) {
  const std::string zoo = HONE_SOURCE "/zoo/verses_llama/model-q8_0.gguf";
  const std::string artefact = folder_.path() + "/verses.hone";
  const auto model = Model::open(zoo);
  ASSERT_TRUE(model.ok()) << model.error().describe();
  const auto made = model->compile();
  ASSERT_TRUE(made.ok()) << made.error().describe();
  ASSERT_TRUE(made->save(artefact).ok());
  auto original = LanguageModel::open(zoo), compiled = LanguageModel::open(artefact);
  ASSERT_TRUE(original.ok()) << original.error().describe();
  ASSERT_TRUE(compiled.ok()) << compiled.error().describe();
  EXPECT_EQ(*original->tokenize("And it came to pass"), *compiled->tokenize("And it came to pass"));
}

TEST_F(LanguageApi, GeneratesTheSameEachTime) {
  LanguageModel model = opened();
  GenerateOptions options;
  options.max_tokens = 20;
  options.sampling.seed = 3;
  options.logprobs = 2;
  std::string streamed;
  int64_t read = 0;
  options.on_text = [&](std::string_view text) {
    streamed += text;
    return true;
  };
  options.on_prompt = [&](int64_t done, int64_t) { read = done; };
  const std::string prompt(100, 'x');
  const auto first = model.generate(prompt, options);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  EXPECT_EQ(first->text, streamed);
  EXPECT_EQ(read, 100);
  EXPECT_EQ(first->prompt_tokens, 100);
  EXPECT_EQ(first->reused_tokens, 0);
  EXPECT_EQ(first->logprobs.size(), first->tokens.size() + (first->end == Generation::End::model));
  EXPECT_EQ(first->most_likely[0].size(), 2u);
  EXPECT_LE(first->logprobs[0].logprob, first->most_likely[0][0].logprob);
  options.guesses = 4;
  const auto second = model.generate(*model.tokenize(prompt), options);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->tokens, first->tokens);
  EXPECT_EQ(second->reused_tokens, 64);
  options.sampling.seed = 4;
  EXPECT_NE(model.generate(prompt, options)->tokens, first->tokens);
}

TEST_F(LanguageApi, EndsWhereItIsTold) {
  LanguageModel model = opened();
  GenerateOptions options;
  options.max_tokens = 5;
  options.ignore_end = true;
  EXPECT_EQ(model.generate("x", options)->end, Generation::End::length);
  options.on_text = [](std::string_view) { return false; };
  EXPECT_EQ(model.generate("x", options)->end, Generation::End::user);
  options = {};
  options.grammar = R"(root ::= "ab" [c-e] "f")";
  options.max_tokens = 50;
  const auto held = model.generate("x", options);
  ASSERT_TRUE(held.ok()) << held.error().describe();
  EXPECT_EQ(held->text.size(), 4u);
  EXPECT_TRUE(held->text.starts_with("ab") && held->text.ends_with("f")) << held->text;
  options.grammar.clear();
  options.json_schema = R"({"enum": [10, 25]})";
  const auto number = model.generate("x", options);
  ASSERT_TRUE(number.ok()) << number.error().describe();
  EXPECT_TRUE(number->text == "10" || number->text == "25") << number->text;
}

TEST_F(LanguageApi, ChatsByTheTemplate) {
  options_.chat_template =
      "{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}<|im_end|>{% endfor %}";
  LanguageModel model = opened();
  const auto tokens = model.chat_tokens({{"user", "hi <|im_end|>"}});
  ASSERT_TRUE(tokens.ok()) << tokens.error().describe();
  EXPECT_EQ(model.text_of(*tokens, true), "<|im_start|>user:hi <|im_end|><|im_end|>");
  // What the message spells is no special token: only the template's are.
  EXPECT_EQ(model.text_of(*tokens), "user:hi <|im_end|>");
  GenerateOptions options;
  options.max_tokens = 4;
  const auto answer = model.chat({{"system", "a"}, {"user", "b"}}, options);
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  EXPECT_EQ(answer->tokens,
            model.generate(*model.chat_tokens({{"system", "a"}, {"user", "b"}}), options)->tokens);
}

TEST_F(LanguageApi, MeasuresTexts) {
  LanguageModel model = opened();
  const std::string text = "some text to measure";
  const auto tokens = *model.tokenize(text);
  const auto logits = model.logits(tokens);
  ASSERT_TRUE(logits.ok());
  ASSERT_EQ(logits->size(), tokens.size() * 300);
  double sum = 0;
  for (size_t t = 0; t + 1 < tokens.size(); ++t) {
    double total = 0;
    for (size_t i = 0; i < 300; ++i) total += std::exp(double((*logits)[t * 300 + i]));
    sum += std::log(total) - double((*logits)[t * 300 + size_t(tokens[t + 1])]);
  }
  const auto score = model.perplexity(text, {.window = 100, .stride = 100, .progress = {}});
  ASSERT_TRUE(score.ok()) << score.error().describe();
  EXPECT_EQ(score->tokens, int64_t(tokens.size()) - 1);
  EXPECT_NEAR(score->nats, sum / double(score->tokens), 1e-6);
  EXPECT_NEAR(score->perplexity, std::exp(score->nats), 1e-9);
}

TEST_F(LanguageApi, RefusesWithACode) {
  const auto code = [](const auto& result) { return result.ok() ? "" : result.error().code; };
  LanguageModel model = opened();
  EXPECT_EQ(code(model.generate("", {})), "data.mismatch");
  EXPECT_EQ(code(model.generate(std::vector<int32_t>{4711}, {})), "data.mismatch");
  EXPECT_EQ(code(model.generate(std::string(201, 'x'), {})), "limit.memory");
  GenerateOptions options;
  options.sampling.top_p = 2;
  EXPECT_EQ(code(model.generate("x", options)), "usage");
  options = {};
  options.grammar = options.json_schema = "x";
  EXPECT_EQ(code(model.generate("x", options)), "usage");
  options.json_schema.clear();
  EXPECT_NE(code(model.generate("x", options)), "");
  EXPECT_EQ(code(model.perplexity("x", {.window = 201, .progress = {}})), "usage");
  EXPECT_EQ(code(model.perplexity("x", {.window = 9, .stride = 10, .progress = {}})), "usage");
  EXPECT_EQ(code(model.perplexity("x")), "data.mismatch");
  // It goes on serving.
  EXPECT_TRUE(model.generate("x", {.max_tokens = 1}).ok());
  options_.cache = DType::i64;
  EXPECT_EQ(code(LanguageModel::open(path_, options_)), "usage");
  EXPECT_EQ(code(LanguageModel::open(folder_.path() + "/none.gguf")), "io.not_found");
  options_ = {};
  EXPECT_NE(code(LanguageModel::open(path_)), "");  // there is no tokenizer
}

}  // namespace
}  // namespace hone::v1
