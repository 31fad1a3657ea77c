// What a workload counts, and that its arena is the one that a session uses.
#include "estimate/workload.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/session.h"
#include "support/programs.h"

namespace hone::estimate {
namespace {

using testing::inputs_of;
using testing::kNetworks;
using testing::types_of;

Workload workload_on(const std::shared_ptr<const Program>& program) {
  auto work = workload_of(program, types_of(inputs_of(*program)), {});
  EXPECT_TRUE(work.ok()) << describe(work.error());
  return work ? work.take() : Workload();
}

TEST(Workload, CountsAProductByHand) {
  // y = -(x w) for x of 2 x 3, w of 3 x 4: 24 multiply-adds.
  const auto work = workload_on(testing::program_of(R"(
      graph main(x: f32[2,3], w: f32[3,4]) -> (y) {
        t = matmul(x, w)
        y = neg(t)
      })"));
  ASSERT_EQ(work.steps.size(), 2u);
  EXPECT_EQ(work.steps[0].macs, 24);
  EXPECT_EQ(work.steps[0].flops, 48);
  EXPECT_EQ(work.steps[1].macs, 0);
  EXPECT_EQ(work.steps[1].flops, 8);
  EXPECT_EQ(work.macs, 24);
  EXPECT_EQ(work.flops, 56);
  EXPECT_EQ(work.input_bytes, 4 * (6 + 12));
  EXPECT_EQ(work.output_bytes, 4 * 8);
  EXPECT_EQ(work.weight_bytes, 0);
  EXPECT_EQ(work.state_bytes, 0);
  EXPECT_TRUE(work.unknown.empty());
  // Only t is in the arena: y outlives the run.
  EXPECT_GE(work.arena_bytes, 4 * 8);
  EXPECT_LT(work.arena_bytes, 2 * 4 * 8 + 64);
}

TEST(Workload, CountsConvolutionsByHand) {
  const double conv1 = 10 * 10 * 16 * 8 * 9, conv2 = 10 * 10 * 16 * 16 * 9,
               conv3 = 10 * 10 * 8 * 16, product = 24 * 10;
  const auto plain = workload_on(testing::program_of(kNetworks[0], {"clean"}));
  EXPECT_EQ(plain.macs, conv1 + conv2 + conv3 + product);
  EXPECT_GE(plain.flops, 2 * plain.macs);
  // And the two sizes that the reshape takes.
  EXPECT_EQ(plain.weight_bytes, 4 * (16 * 8 * 9 + 16 * 16 * 9 + 8 * 16 + 24 * 10) + 2 * 8);
  // Lowering computes the same; panels are padded, so weights only grow.
  const auto lowered = workload_on(testing::lowered_program_of(kNetworks[0]));
  EXPECT_EQ(lowered.macs, plain.macs);
  EXPECT_GE(lowered.weight_bytes, plain.weight_bytes);
}

TEST(Workload, StatesAndConstantsAreCountedOnce) {
  const auto program = testing::program_of(R"(
      graph main(x: f32[4]) state s: f32[4] -> (y) {
        w = mul(x, f32[4]{1, 2, 3, 4})
        v = add(w, f32[4]{1, 2, 3, 4})
        y = add(v, s)
        next s = y
      })");
  const auto& graph = program->model().main();
  auto work =
      workload_of(program, types_of(inputs_of(*program)), {graph[graph.states()[0].now].type});
  ASSERT_TRUE(work.ok()) << describe(work.error());
  EXPECT_EQ(work->state_bytes, 16);
  EXPECT_LE(work->weight_bytes, 32);
  EXPECT_GE(work->weight_bytes, 16);
}

TEST(Workload, SizesThatOnlyDataDecideAreListed) {
  const auto work = workload_on(testing::program_of(R"(
      graph main(x: f32[6]) -> (y) {
        n = non_zero(x)
        y = cast(n) <to=f32>
      })"));
  EXPECT_FALSE(work.unknown.empty());
  EXPECT_EQ(work.unknown[0], "non_zero");
  for (const Step& step : work.steps) EXPECT_TRUE(step.known || step.touches.empty());
}

TEST(Workload, WrongInputsAreRefused) {
  const auto program = testing::program_of(kNetworks[0]);
  EXPECT_FALSE(workload_of(program, {Type(DType::f32, Shape::of({1, 9, 10, 10}))}, {}).ok());
}

// Of every graph, as it is and lowered: the arena that is estimated is the one that is used.
TEST(Workload, ArenaIsThatOfARun) {
  for (const char* text : kNetworks)
    for (const bool lower : {false, true}) {
      SCOPED_TRACE(std::string(lower ? "lowered " : "") + text);
      const auto program =
          lower ? testing::lowered_program_of(text) : testing::program_of(text, {"clean"});
      ASSERT_TRUE(program);
      const auto inputs = inputs_of(*program);
      const Workload work = workload_on(program);
      ThreadPool pool(1);
      Session session(program, pool);
      const auto outputs = session.run(inputs);
      ASSERT_TRUE(outputs.ok()) << describe(outputs.error());
      EXPECT_EQ(work.arena_bytes, session.statistics().planned_arena_bytes);
      EXPECT_EQ(work.arena_bytes, session.statistics().measured_arena_bytes);
      EXPECT_GT(work.arena_bytes, 0);
    }
}

// What is alive at a step is part of the arena. Where the arena is fullest, as much is alive as the
// planner says is the least that any plan takes, but for the padding of values to whole lines.
TEST(Workload, TimelineOfTheArena) {
  for (const char* text : kNetworks)
    for (const bool lower : {false, true}) {
      SCOPED_TRACE(std::string(lower ? "lowered " : "") + text);
      const Workload work = workload_on(lower ? testing::lowered_program_of(text)
                                              : testing::program_of(text, {"clean"}));
      int64_t most = 0;
      for (const Step& step : work.steps) {
        EXPECT_GE(step.live_bytes, 0);
        EXPECT_LE(step.live_bytes, work.arena_bytes);
        most = std::max(most, step.live_bytes);
      }
      EXPECT_GT(most, 0);
      EXPECT_LE(most, work.peak_live_bytes);
      EXPECT_GE(work.arena_bytes, work.peak_live_bytes);
      constexpr int64_t kPadding = 64;
      EXPECT_GE(most, work.peak_live_bytes - kPadding * int64_t(work.steps.size()));
    }
}

TEST(Workload, WhatIsReadWasWrittenRecently) {
  const auto work = workload_on(testing::program_of(R"(
      graph main(x: f32[1024]) -> (y) {
        a = neg(x)
        b = abs(a)
        y = add(a, b)
      })"));
  ASSERT_EQ(work.steps.size(), 3u);
  const Step& abs = work.steps[1];
  ASSERT_EQ(abs.touches.size(), 2u);
  EXPECT_FALSE(abs.touches[0].written);
  EXPECT_EQ(abs.touches[0].bytes, 4096);
  // `a` was the last that was written.
  EXPECT_EQ(abs.touches[0].distance, 0);
  EXPECT_TRUE(abs.touches[1].written);
  // x was read one run ago: since then a twice, b twice, y, and a once more were touched.
  EXPECT_GE(work.steps[0].touches[0].distance, 4 * 4096);
  EXPECT_LE(work.steps[0].touches[0].distance, 8 * 4096);
}

TEST(Workload, AViewTouchesNothing) {
  const auto work = workload_on(testing::program_of(R"(
      graph main(x: f32[4,6]) -> (y) {
        a = neg(x)
        b = reshape(a, i64[2]{6, 4})
        y = abs(b)
      })"));
  ASSERT_EQ(work.steps.size(), 3u);
  EXPECT_TRUE(work.steps[1].nothing);
  EXPECT_TRUE(work.steps[1].touches.empty());
  EXPECT_EQ(work.steps[2].touches[0].distance, 0);  // the bytes of a
}

}  // namespace
}  // namespace hone::estimate
