// Tests of language models as a whole: what they compute does not depend on how the work is cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <vector>

#include "base/scratch_folder.h"
#include "run_model.h"
#include "tiny_model.h"

namespace hone {
namespace {

using test::append;
using test::divergence;
using test::Logits;
using test::logits_of;
using test::opened;

std::vector<int32_t> some_tokens(int n, int seed = 7) {
  std::vector<int32_t> out;
  for (int i = 0; i < n; ++i) out.push_back(int32_t((i * 7919 + seed * 31 + i * i) % 300));
  return out;
}

void expect_same_bits(const Logits& a, const Logits& b, const char* what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (size_t t = 0; t < a.size(); ++t)
    for (size_t i = 0; i < a[t].size(); ++i)
      ASSERT_EQ(std::bit_cast<uint32_t>(a[t][i]), std::bit_cast<uint32_t>(b[t][i]))
          << what << ", token " << t << ", logit " << i;
}

class Formats : public testing::TestWithParam<const char*> {
 protected:
  std::string path() {
    const std::string path = folder_.path() + "/" + GetParam() + std::string(".gguf");
    if (!std::filesystem::exists(path)) {
      EXPECT_TRUE(test::write_tiny_llama(path, GetParam()).ok());
    }
    return path;
  }
  ScratchFolder folder_;
};

// Bits do not depend on the number of threads, on how many tokens are computed together, on other
// sequences beside them, or on pages that were there.
TEST_P(Formats, GiveTheSameBitsHoweverTheyAreRun) {
  const auto tokens = some_tokens(150);
  LanguageModel one = opened(path());
  const Logits whole = logits_of(one.engine, one.engine.open(), tokens, tokens.size());
  ASSERT_EQ(whole.size(), tokens.size());
  for (const int threads : {1, 2, 3}) {
    LanguageModel model = opened(path(), threads);
    Engine& engine = model.engine;
    for (const size_t step : {size_t{1}, size_t{5}, size_t{64}})
      expect_same_bits(whole, logits_of(engine, engine.open(), tokens, step), "steps");
  }
  // Another sequence in the same step.
  LanguageModel model = opened(path(), 2);
  Engine& engine = model.engine;
  const auto a = engine.open(), b = engine.open();
  const auto others = some_tokens(40, 3);
  Logits mixed;
  for (size_t at = 0; at < tokens.size(); at += 30) {
    const size_t other = at / 30 * 8;
    const Engine::Piece pieces[] = {
        {b, std::span(others).subspan(other, 8)},
        {a, std::span(tokens).subspan(at, 30), Engine::Piece::Wanted::all}};
    auto logits = engine.step(pieces);
    ASSERT_TRUE(logits.ok());
    append(mixed, logits->subspan(size_t(engine.vocabulary())), engine.vocabulary());
  }
  expect_same_bits(whole, mixed, "two sequences");
  // What the cache holds of a sequence that is gone.
  engine.close(a);
  const auto c = engine.open();
  const int64_t held = engine.reuse(c, tokens);
  ASSERT_EQ(held, 128);
  const Logits rest = logits_of(engine, c, std::span(tokens).subspan(size_t(held)), 7);
  expect_same_bits({whole.begin() + held, whole.end()}, rest, "pages of another sequence");
  // Back and on again.
  const int64_t left = engine.rewind(c, 140);
  const Logits again = logits_of(engine, c, std::span(tokens).subspan(size_t(left)), 3);
  expect_same_bits({whole.begin() + left, whole.end()}, again, "rewound");
}

// Integer arithmetic against f32 arithmetic on the same weights.
TEST_P(Formats, ComputeWhatTheirWeightsSay) {
  const auto tokens = some_tokens(48);
  LanguageModel model = opened(path(), 2);
  LanguageModel exact = opened(path(), 2, "reference", {DType::f32, false});
  const Logits made = logits_of(model.engine, model.engine.open(), tokens, 16);
  const Logits wanted = logits_of(exact.engine, exact.engine.open(), tokens, 48);
  EXPECT_LT(divergence(wanted, made), 5e-3);
}

INSTANTIATE_TEST_SUITE_P(Blocks, Formats,
                         testing::Values("f32", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k",
                                         "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs",
                                         "mxfp4"),
                         [](const auto& info) { return std::string(info.param); });

// Sizes of heads that published models have.
TEST(Heads, OfAllSizesAreComputed) {
  const ScratchFolder folder;
  for (const int64_t head : {48, 64, 80, 96, 128, 256}) {
    const std::string path = folder.path() + "/model.gguf";
    test::TinyShape shape;
    shape.head = head;
    shape.layers = 1;
    ASSERT_TRUE(test::write_tiny_llama(path, "f32", shape).ok());
    const auto tokens = some_tokens(70);
    LanguageModel model = opened(path), exact = opened(path, 2, "reference", {DType::f32, false});
    for (const auto& share : model.program->shares())
      EXPECT_TRUE(share.backend == "cpu" || share.nodes == 0);
    EXPECT_LT(divergence(logits_of(exact.engine, exact.engine.open(), tokens, 70),
                         logits_of(model.engine, model.engine.open(), tokens, 70)),
              1e-4)
        << head;
  }
}

TEST(Cache, OfBytesIsClose) {
  const ScratchFolder folder;
  const std::string path = folder.path() + "/model.gguf";
  ASSERT_TRUE(test::write_tiny_llama(path, "q8_0").ok());
  const auto tokens = some_tokens(100);
  LanguageModel model = opened(path, 2, "auto", {DType::i8, true});
  LanguageModel exact = opened(path, 2, "auto", {DType::f32, true});
  const Logits whole = logits_of(model.engine, model.engine.open(), tokens, 100);
  expect_same_bits(whole, logits_of(model.engine, model.engine.open(), tokens, 9), "steps");
  EXPECT_LT(divergence(logits_of(exact.engine, exact.engine.open(), tokens, 100), whole), 5e-3);
}

TEST(Engine, RefusesWhatItCannotDo) {
  const ScratchFolder folder;
  const std::string path = folder.path() + "/model.gguf";
  ASSERT_TRUE(test::write_tiny_llama(path, "q4_0").ok());
  LanguageModel model = opened(path);
  Engine& engine = model.engine;
  const auto id = engine.open();
  const auto step = [&](std::vector<int32_t> tokens) {
    const Engine::Piece piece{id, tokens};
    auto logits = engine.step({&piece, 1});
    return logits.ok() ? "" : std::string(info(logits.error().id).code);
  };
  EXPECT_EQ(step({300}), "data.mismatch");
  EXPECT_EQ(step({-1}), "data.mismatch");
  EXPECT_EQ(step({}), "data.mismatch");
  EXPECT_EQ(step(std::vector<int32_t>(513, 1)), "limit.memory");
  EXPECT_EQ(engine.length(id), 0);
  EXPECT_EQ(step(std::vector<int32_t>(512, 1)), "");
  EXPECT_EQ(step({1}), "limit.memory");
  EXPECT_EQ(engine.length(id), 512);
  // The cache has room for two such sequences.
  const auto second = engine.open(), third = engine.open();
  const std::vector<int32_t> tokens(512, 2);
  const Engine::Piece full{second, tokens}, more{third, std::span(tokens).first(1)};
  EXPECT_TRUE(engine.step({&full, 1}).ok());
  EXPECT_FALSE(engine.step({&more, 1}).ok());
  engine.close(second);
  EXPECT_TRUE(engine.step({&more, 1}).ok());
}

// --- recorded --------------------------------------------------------------------------------

// A model that has the names of a language model's step, and gives what it likes.
Result<LanguageModel> impostor(const std::string& logits, const std::string& table = "i64[S,P]") {
  const ScratchFolder folder;
  std::string text = "hone 1\n";
  for (const char* symbol : {"T", "S", "S1", "P", "W"})
    text += std::string("symbol ") + symbol + ": call\n";
  text += "symbol pages: session\nconst @c: " + logits +
          "\ngraph main(tokens: i64[T], positions: i64[T], slots: i64[T], starts: i64[S1], "
          "lengths: i64[S], table: " +
          table + ", wanted: i64[W]) -> (logits) {\n  logits = identity(@c)\n}\n";
  LanguageModelOptions options;
  options.engine.context = 64;
  return open_language_model(folder.write("m.ir", text), options);
}

TEST(Impostors, OfOtherTypesAreNoLanguageModels) {
  for (const char* logits : {"i64[1,2] = {1, 2}", "f64[1,2] = {1, 2}", "f32[1,0] = {}",
                             "bf16[1,2] = {1, 2}", "f32[2] = {1, 2}"}) {
    const auto made = impostor(logits);
    ASSERT_FALSE(made.ok()) << logits;
    EXPECT_EQ(made.error().id, ErrorId::unsupported_feature) << made.error().message;
  }
  EXPECT_FALSE(impostor("f32[1,2] = {1, 2}", "i64[S]").ok());
  EXPECT_FALSE(impostor("f32[1,2] = {1, 2}", "f32[S,P]").ok());
}

TEST(Impostors, WithOtherRowsThanWantedAreRefusedWhenTheyRun) {
  const std::vector<int32_t> tokens{0, 1, 0};
  for (const char* logits : {"f32[0,2] = {}", "f32[2,2] = {1, 2, 3, 4}"}) {
    auto made = impostor(logits);
    ASSERT_TRUE(made.ok()) << made.error().message;
    const auto id = made->engine.open();
    const Engine::Piece piece{id, tokens};
    const auto step = made->engine.step({&piece, 1});
    ASSERT_FALSE(step.ok()) << logits;
    EXPECT_EQ(step.error().id, ErrorId::bad_data);
    EXPECT_EQ(made->engine.length(id), 0);
  }
}

TEST(Context, EndsWithTheLearnedPositions) {
  const std::string folder = std::string(HONE_CORPORA) + "/hf/tiny-random-gpt2";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the folder of models is not there";
  LanguageModelOptions options;
  options.engine.context = 512;
  EXPECT_TRUE(open_language_model(folder, options).ok());
  options.engine.context = 513;
  const auto made = open_language_model(folder, options);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().id, ErrorId::usage);
  EXPECT_NE(made.error().message.find("512 positions"), std::string::npos);
}

}  // namespace
}  // namespace hone
