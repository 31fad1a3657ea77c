// Tests of timing the forms of a node.
#include "backends/candidate_timer.h"

#include <gtest/gtest.h>

#include "backends/backends.h"
#include "ir/text.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"

namespace hone {
namespace {

Candidate candidate(std::string name, std::string text) {
  return {std::move(name), [text = std::move(text)] {
            return parse_model_text(text, standard_catalogue(), Limits());
          }};
}

const Candidate kLittle =
    candidate("little", "hone 1 graph g(x: f32[8,8]) -> (y) { y = matmul(x, x) }");
const Candidate kMuch = candidate(
    "much", "hone 1 graph g(x: f32[256,256]) -> (y) { y = matmul(matmul(x, x), matmul(x, x)) }");

class CandidateTimers : public ::testing::Test {
 protected:
  ThreadPool pool_{2};
  Limits limits_;
  CandidateTimer timer(TimingBudget budget = {}, uint64_t between = 1 << 20) {
    return CandidateTimer(cpu_backend(), pool_, between, limits_, budget);
  }
};

TEST_F(CandidateTimers, TellsMuchFromLittle) {
  auto t = timer();
  for (int i = 0; i < 3; ++i) {
    const auto seconds = t.time({"q", {kLittle, kMuch}});
    ASSERT_EQ(seconds.size(), 2u);
    EXPECT_GT(seconds[0], 0);
    EXPECT_GT(seconds[1], seconds[0]);
  }
}

TEST_F(CandidateTimers, StaysWithinItsTime) {
  auto t = timer({.question = 0.02, .model = 0.05});
  size_t answered = 0;
  for (int i = 0; i < 1000; ++i) answered += !t.time({"q", {kLittle, kMuch}}).empty();
  EXPECT_GE(answered, 1u);
  EXPECT_LT(answered, 100u);
  EXPECT_GE(t.spent(), 0.05);
  EXPECT_TRUE(timer({.model = 0}).time({"q", {kLittle, kMuch}}).empty());
}

TEST_F(CandidateTimers, WhatCannotRunHasNoTime) {
  const Candidate unbuilt{"unbuilt",
                          []() -> Result<Model> { return fail(ErrorId::internal, "no"); }};
  const Candidate unsupported = candidate(
      "unsupported", "hone 1 graph g(x: f32[4]) -> (y) { y = cumulative_sum(x, i64{0}) }");
  const Candidate symbolic =
      candidate("symbolic", "hone 1 graph g(x: f32[N]) -> (y) { y = neg(x) }");
  const Candidate integers =
      candidate("integers", "hone 1 graph g(x: i64[2]) -> (y) { y = neg(x) }");
  auto t = timer();
  for (const Candidate& wrong : {unbuilt, unsupported, symbolic, integers})
    EXPECT_TRUE(t.time({"q", {kLittle, wrong}}).empty()) << wrong.name;
  EXPECT_EQ(t.time({"q", {kLittle, kMuch}}).size(), 2u);
}

TEST_F(CandidateTimers, WhatIsLargerThanARunMayBeHasNoTime) {
  for (const uint64_t bytes : {0, 1000, 300'000}) {  // an input of `much` takes 256 KiB
    limits_.runtime_memory = bytes;
    EXPECT_TRUE(timer().time({"q", {kLittle, kMuch}}).empty()) << bytes;
  }
  limits_.runtime_memory = 2'000'000;
  EXPECT_EQ(timer().time({"q", {kLittle, kMuch}}).size(), 2u);
}

TEST_F(CandidateTimers, NothingIsReadBetweenForAModelWithoutWeights) {
  auto t = timer({}, 0);
  EXPECT_EQ(t.time({"q", {kLittle, kMuch}}).size(), 2u);
}

// The questions that the lowering of this backend asks can be answered here.
std::vector<Decision> asked_and_answered(CandidateTimer& timer, std::string_view text) {
  auto model = parse_model_text(text, standard_catalogue(), Limits());
  EXPECT_TRUE(model.ok()) << describe(model.error());
  const Stopwatch watch = [&](const Question& question) {
    Times times{timer.time(question), "measured"};
    EXPECT_EQ(times.seconds.size(), 2u) << question.name;
    return times;
  };
  const auto report =
      run_pipeline(*model, "encode, fold, " + cpu_backend().lowering(), standard_catalogue(),
                   Limits(), {.choosing = {.stopwatch = watch}});
  EXPECT_TRUE(report.ok());
  for (const Decision& d : report->decisions) EXPECT_EQ(d.source, "measured");
  return report->decisions;
}

TEST_F(CandidateTimers, TimesBothWaysOfAConvolution) {
  auto t = timer();
  EXPECT_EQ(asked_and_answered(t, R"(hone 1
    graph main(x: f32[1,16,20,20]) -> (y) {
      y = conv(x, expand(f32{0.5}, i64[4]{24, 16, 3, 3})) <pads=[1, 1, 1, 1]>
    })")
                .size(),
            1u);
}

TEST_F(CandidateTimers, TimesBothWaysOfProductsOfBytes) {
  auto t = timer();
  std::string zeros = "0";
  for (int i = 1; i < 64 * 64; ++i) zeros += ", 0";
  std::string scales = "0.5";
  for (int i = 1; i < 64; ++i) scales += ", 0.5";
  EXPECT_EQ(asked_and_answered(t, R"(hone 1
    const @s: f32[64,1] = {)" + scales +
                                      R"(}
    const @q: f32[64,64] affine(u4, axis=1, block=64) = {)" +
                                      zeros + R"(} scale @s
    const @w: i8[64,64] = {)" + zeros +
                                      R"(}
    const @v: i8[64,64,1,1] = {)" + zeros +
                                      R"(}
    const @u: i8[64,1,8,8] = {)" + zeros +
                                      R"(}
    graph main(x: u8[80,64], i: u8[1,64,16,16], r: f32[80,64]) -> (a, b, c, d) {
      a = matmul(dequantize_linear(x, f32{0.1}), dequantize_linear(@w, f32{0.1}))
      h = dequantize_linear(i, f32{0.1}, u8{7})
      b = quantize_linear(conv(h, dequantize_linear(@v, f32{0.1})), f32{0.5}, u8{3})
      c = conv(h, dequantize_linear(@u, f32{0.1})) <group=64, pads=[4, 4, 3, 3]>
      e, g = quantize_blocks(r) <block=64>
      d = matmul(dequantize_linear(e, g) <axis=-1, block_size=64>, transpose(@q))
    })")
                .size(),
            4u);
}

}  // namespace
}  // namespace hone
