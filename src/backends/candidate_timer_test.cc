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
TEST_F(CandidateTimers, TimesBothWaysOfAConvolution) {
  auto model = parse_model_text(R"(hone 1
    graph main(x: f32[1,16,20,20]) -> (y) {
      y = conv(x, expand(f32{0.5}, i64[4]{24, 16, 3, 3})) <pads=[1, 1, 1, 1]>
    })",
                                standard_catalogue(), Limits());
  ASSERT_TRUE(model.ok());
  auto t = timer();
  size_t answered = 0;
  const Stopwatch watch = [&](const Question& question) {
    Times times{t.time(question), "measured"};
    answered += times.seconds.size() == 2;
    return times;
  };
  const auto report =
      run_pipeline(*model, "fold, " + cpu_backend().lowering(), standard_catalogue(), Limits(),
                   {.choosing = {.stopwatch = watch}});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(answered, 1u);
  ASSERT_EQ(report->decisions.size(), 1u);
  EXPECT_EQ(report->decisions[0].source, "measured");
}

}  // namespace
}  // namespace hone
