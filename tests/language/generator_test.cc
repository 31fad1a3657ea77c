// Tests of how text is generated, on a trained model of the zoo.
#include "text/generation/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

#include "api/language_model.h"
#include "base/text.h"

namespace hone {
namespace {

using End = Generation::End;

constexpr const char* kPrompt = "And it came to pass";
// Verses that repeat themselves, longer than two pages of the cache.
constexpr const char* kList =
    "The sons of Judah; Er, and Onan, and Shelah. The sons of Er, and the sons of Onan, and the "
    "sons "
    "of Shelah, after their families, by the house of their fathers. And the sons of Judah were "
    "numbered; Er, and Onan, and Shelah. The sons of Er, and the sons of Onan, and the sons of "
    "Shelah, after their families, by the house of their fathers. And the sons of Judah were "
    "numbered; Er, and Onan, and Shelah. The sons of Er, and the sons of Onan, and the sons of";

class Generating : public testing::Test {
 protected:
  static LanguageModelOptions opening() {
    LanguageModelOptions options;
    options.compile.threads = 2;
    options.engine.context = 320;
    options.engine.capacity = 1280;
    options.tokenizer = true;
    return options;
  }
  static LanguageModel opened() {
    auto model = open_language_model(HONE_SOURCE "/zoo/verses_llama/model-q8_0.gguf", opening());
    EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().message);
    return model.take();
  }
  Generating()
      : model_(opened()), tokenizer_(*model_.tokenizer), generator_(model_.engine, tokenizer_) {
    greedy_.most_tokens = 40;
    greedy_.sampling.temperature = 0;
  }

  std::vector<int32_t> tokens_of(std::string_view text) {
    auto tokens = tokenizer_.encode(text, {.parse_special = false});
    EXPECT_TRUE(tokens.ok());
    return tokens.take();
  }
  Generation generated(std::span<const int32_t> prompt, const GenerationOptions& options) {
    const ScopedSequence sequence(model_.engine);
    return generated(sequence.id(), prompt, options);
  }
  Generation generated(Engine::SequenceId id, std::span<const int32_t> prompt,
                       const GenerationOptions& options) {
    auto made = generator_.generate(id, prompt, options);
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
    return made.take();
  }
  Generation generated(std::string_view prompt, const GenerationOptions& options) {
    return generated(tokens_of(prompt), options);
  }
  int32_t end() const { return tokenizer_.end_ids()[0]; }

  LanguageModel model_;
  Tokenizer tokenizer_;
  Generator generator_;
  GenerationOptions greedy_;
};

TEST_F(Generating, StreamsWhatItReturns) {
  std::vector<std::string> pieces;
  std::vector<int64_t> read;
  greedy_.prefill = 3;
  greedy_.on_text = [&](std::string_view text) {
    pieces.emplace_back(text);
    return true;
  };
  greedy_.on_prompt = [&](int64_t done, int64_t all) {
    EXPECT_EQ(all, 6);
    read.push_back(done);
  };
  const Generation made = generated(kPrompt, greedy_);
  EXPECT_EQ(made.end, End::length);
  EXPECT_EQ(made.tokens.size(), 40u);
  EXPECT_EQ(made.steps, 39);
  EXPECT_EQ(read, (std::vector<int64_t>{3, 6}));
  EXPECT_GT(pieces.size(), 20u);
  std::string joined;
  for (const std::string& piece : pieces) joined += piece;
  EXPECT_EQ(joined, made.text);
  // The text behind the prompt, with the space between them.
  std::vector<int32_t> all = tokens_of(kPrompt);
  all.insert(all.end(), made.tokens.begin(), made.tokens.end());
  EXPECT_EQ(tokenizer_.decode(all), kPrompt + made.text);
  EXPECT_GT(std::ranges::count(made.text, ' '), 10);
}

TEST_F(Generating, StreamsWholeCharacters) {
  // Bytes of a character of three, one token each.
  std::vector<int32_t> bytes;
  for (const char* spelled : {"â", "Ĥ", "¬"}) bytes.push_back(*tokenizer_.find(spelled));
  greedy_.grammar = Grammar::gbnf("root ::= \"\xe2\x82\xac\" [0-9]").take();
  for (const int32_t id : bytes) greedy_.sampling.logit_bias.push_back({id, 50});
  std::vector<std::string> pieces;
  greedy_.on_text = [&](std::string_view piece) {
    EXPECT_TRUE(is_utf8(piece));
    pieces.emplace_back(piece);
    return true;
  };
  const Generation made = generated(kPrompt, greedy_);
  EXPECT_EQ(made.tokens.size(), 4u);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[0], "\xe2\x82\xac");
  EXPECT_EQ(made.text, pieces[0] + pieces[1]);
  EXPECT_EQ(made.end, End::model);
}

TEST_F(Generating, StopsWhereAStringWouldCome) {
  const Generation whole = generated(kPrompt, greedy_);
  // From within a token to within the third one behind it.
  size_t begin = 0;
  for (size_t i = 0; i < 10; ++i) begin += tokenizer_.piece(whole.tokens[i]).size();
  const size_t length =
      tokenizer_.piece(whole.tokens[10]).size() + tokenizer_.piece(whole.tokens[11]).size();
  const std::string stop = whole.text.substr(begin - 1, length + 2);
  ASSERT_EQ(whole.text.find(stop), begin - 1);
  greedy_.stops = {"no such text", stop};
  std::string streamed;
  greedy_.on_text = [&](std::string_view text) {
    streamed += text;
    return true;
  };
  for (const int64_t guesses : {0, 4}) {
    greedy_.guesses = guesses;
    streamed.clear();
    const Generation made = generated(kPrompt, greedy_);
    EXPECT_EQ(made.end, End::stop);
    EXPECT_EQ(made.text, whole.text.substr(0, begin - 1));
    EXPECT_EQ(streamed, made.text);
    EXPECT_EQ(made.tokens.size(), 13u);
  }
  // What only began like one is shown in the end.
  greedy_.stops = {whole.text.substr(whole.text.size() - 3) + "\x01"};
  EXPECT_EQ(generated(kPrompt, greedy_).text, whole.text);
  greedy_.stops = {""};
  EXPECT_FALSE(generator_.generate(model_.engine.open(), tokens_of(kPrompt), greedy_).ok());
}

TEST_F(Generating, SeedsAndRequestsTellTextsApart) {
  GenerationOptions options;
  options.most_tokens = 24;
  options.sampling.temperature = 1.2f;
  std::set<std::string> texts;
  for (const uint64_t seed : {1, 2, 3})
    for (const uint64_t request : {0, 1}) {
      options.sampling.seed = seed;
      options.request = request;
      const Generation made = generated(kPrompt, options);
      EXPECT_EQ(generated(kPrompt, options).tokens, made.tokens);
      texts.insert(made.text);
    }
  EXPECT_EQ(texts.size(), 6u);
  texts.clear();
  for (const uint64_t seed : {1, 2, 3}) {
    greedy_.sampling.seed = seed;
    texts.insert(generated(kPrompt, greedy_).text);
  }
  EXPECT_EQ(texts.size(), 1u);
}

TEST_F(Generating, GuessesChangeStepsAndNoText) {
  GenerationOptions options = greedy_;
  options.most_tokens = 60;
  const auto prompt = tokens_of(kList);
  ASSERT_GT(prompt.size(), 128u);
  for (const float temperature : {0.0f, 0.9f}) {
    options.sampling.temperature = temperature;
    options.guesses = 0;
    const Generation plain = generated(prompt, options);
    EXPECT_EQ(plain.guessed, 0);
    for (const int64_t guesses : {1, 4, 16}) {
      options.guesses = guesses;
      const Generation made = generated(prompt, options);
      EXPECT_EQ(made.tokens, plain.tokens) << guesses;
      EXPECT_EQ(made.text, plain.text);
      EXPECT_EQ(made.end, plain.end);
      EXPECT_GT(made.accepted, 0);
      EXPECT_LE(made.accepted, made.guessed);
      EXPECT_EQ(made.steps + made.accepted, plain.steps) << guesses;
    }
  }
  // Nor does what a grammar allows.
  options.sampling.temperature = 0;
  options.grammar = Grammar::gbnf("root ::= (\" \" [A-Za-z]+ [,;.]?)*").take();
  options.guesses = 0;
  const Generation plain = generated(prompt, options);
  options.guesses = 8;
  const Generation made = generated(prompt, options);
  EXPECT_EQ(made.tokens, plain.tokens);
  EXPECT_GT(made.accepted, 0);
}

TEST_F(Generating, WhatTheSequenceHoldsIsNotReadAgain) {
  const auto prompt = tokens_of(kList);
  const auto size = int64_t(prompt.size());
  const auto id = model_.engine.open();
  const Generation first = generated(id, prompt, greedy_);
  EXPECT_EQ(first.prompt_tokens, size);
  EXPECT_EQ(first.reused_tokens, 0);
  // The same again: back to the last full page, or to the last token.
  const Generation again = generated(id, prompt, greedy_);
  EXPECT_GE(again.reused_tokens, size / 64 * 64 - 64);
  EXPECT_LT(again.reused_tokens, size);
  EXPECT_EQ(again.tokens, first.tokens);
  // On with what was said.
  auto longer = prompt;
  longer.insert(longer.end(), first.tokens.begin(), first.tokens.end());
  const Generation on = generated(id, longer, greedy_);
  EXPECT_EQ(on.reused_tokens, int64_t(longer.size()) - 1);
  model_.engine.close(id);
  // Another sequence finds the pages, up to where its text differs.
  auto other = prompt;
  other[100] = other[99];
  EXPECT_EQ(generated(other, greedy_).reused_tokens, 64);
  EXPECT_EQ(generated(longer, greedy_).tokens, on.tokens);
  // A sequence that holds the beginning alone gets what others have left.
  const auto held = model_.engine.open();
  generated(held, std::span(prompt).first(70), greedy_);
  EXPECT_GE(generated(held, longer, greedy_).reused_tokens, size / 64 * 64);
}

TEST_F(Generating, EndsWithTokensThatEndIt) {
  greedy_.sampling.top_logprobs = 1;
  greedy_.sampling.logit_bias = {{end(), 100}};
  const Generation made = generated(kPrompt, greedy_);
  EXPECT_EQ(made.end, End::model);
  EXPECT_TRUE(made.tokens.empty());
  EXPECT_EQ(made.text, "");
  ASSERT_EQ(made.details.size(), 1u);
  EXPECT_EQ(made.details[0].token, end());
  greedy_.ignore_end = true;
  const Generation on = generated(kPrompt, greedy_);
  EXPECT_EQ(on.end, End::length);
  EXPECT_EQ(on.tokens.size(), 40u);
  EXPECT_TRUE(std::ranges::none_of(on.tokens, [&](int32_t t) { return t == end(); }));
  greedy_.sampling.logit_bias.clear();
  EXPECT_EQ(on.tokens, generated(kPrompt, greedy_).tokens);
}

TEST_F(Generating, ATextBeginsBehindSpecialTokensAlone) {
  greedy_.most_tokens = 4;
  const Generation made = generated(std::vector<int32_t>{end()}, greedy_);
  EXPECT_EQ(made.prompt_tokens, 1);
  EXPECT_FALSE(made.text.empty());
  EXPECT_EQ(tokenizer_.decode(made.tokens), made.text);
}

TEST_F(Generating, EndsAtItsLimits) {
  greedy_.ignore_end = true;
  greedy_.most_tokens = 0;
  EXPECT_EQ(generated(kPrompt, greedy_).tokens.size(), 0u);
  greedy_.most_tokens = 1;
  const Generation one = generated(kPrompt, greedy_);
  EXPECT_EQ(one.tokens.size(), 1u);
  EXPECT_EQ(one.steps, 0);
  for (const int64_t guesses : {0, 5}) {
    greedy_.most_tokens = -1;
    greedy_.guesses = guesses;
    const Generation all = generated(kPrompt, greedy_);
    EXPECT_EQ(all.end, End::context);
    // The last one is not run.
    EXPECT_EQ(int64_t(all.tokens.size()) + all.prompt_tokens, model_.engine.context() + 1);
  }
  greedy_.guesses = 0;
  int pieces = 0;
  greedy_.on_text = [&](std::string_view) { return ++pieces < 3; };
  EXPECT_EQ(generated(kPrompt, greedy_).end, End::user);
  EXPECT_EQ(pieces, 3);
}

TEST_F(Generating, RefusesWhatItCannotDo) {
  const auto id = [&](std::span<const int32_t> prompt) {
    const ScopedSequence sequence(model_.engine);
    auto made = generator_.generate(sequence.id(), prompt, greedy_);
    EXPECT_FALSE(made.ok());
    return made.ok() ? ErrorId::internal : made.error().id;
  };
  EXPECT_EQ(id({}), ErrorId::bad_data);
  EXPECT_EQ(id(std::vector<int32_t>(321, 5)), ErrorId::over_memory);
  EXPECT_EQ(id(std::vector<int32_t>{int32_t(model_.engine.vocabulary())}), ErrorId::bad_data);
  // Other sequences have the whole cache.
  std::vector<std::unique_ptr<ScopedSequence>> others;
  const std::vector<int32_t> full(320, 9);
  for (int i = 0; i < 4; ++i) {
    others.push_back(std::make_unique<ScopedSequence>(model_.engine));
    auto tokens = full;
    tokens[0] = i;
    const Engine::Piece piece{others.back()->id(), tokens};
    ASSERT_TRUE(model_.engine.step({&piece, 1}).ok());
  }
  EXPECT_EQ(id(tokens_of(kPrompt)), ErrorId::over_memory);
  others.pop_back();
  EXPECT_EQ(generated(kPrompt, greedy_).tokens.size(), 40u);
  greedy_.sampling.top_p = 2;
  EXPECT_EQ(id(tokens_of(kPrompt)), ErrorId::usage);
}

}  // namespace
}  // namespace hone
