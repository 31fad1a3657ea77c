// On the kernels of the cpu backend: the arena that is estimated is the one that a session uses.
#include <gtest/gtest.h>

#include "backends/backends.h"
#include "calibrate/sampling.h"
#include "estimate/workload.h"
#include "runtime/session.h"
#include "support/programs.h"

namespace hone::calibrate {
namespace {

void expect_same_arena(Model model) {
  const auto low = lowered(std::move(model), cpu_backend(), Limits{}, false);
  ASSERT_TRUE(low.ok()) << describe(low.error());
  const auto program = Program::make(*low, all_backends(), Limits{});
  ASSERT_TRUE(program.ok()) << describe(program.error());
  const auto inputs = testing::inputs_of(**program);
  const auto work = estimate::workload_of(*program, testing::types_of(inputs), {});
  ASSERT_TRUE(work.ok()) << describe(work.error());
  ThreadPool pool(1);
  Session session(*program, pool);
  const auto outputs = session.run(inputs);
  ASSERT_TRUE(outputs.ok()) << describe(outputs.error());
  EXPECT_EQ(work->arena_bytes, session.statistics().measured_arena_bytes);
  for (const estimate::Step& step : work->steps) EXPECT_LE(step.live_bytes, work->arena_bytes);
}

TEST(LoweredWorkload, ArenaIsThatOfARun) {
  for (const char* text : testing::kNetworks) {
    SCOPED_TRACE(text);
    auto model = testing::model_of(text, standard_catalogue());
    ASSERT_TRUE(model.ok()) << describe(model.error());
    expect_same_arena(model.take());
  }
}

// Without their weights models have the same plan.
TEST(LoweredWorkload, WeightsDoNotMatter) {
  for (const char* text : testing::kNetworks) {
    SCOPED_TRACE(text);
    int64_t arena[2] = {}, weights[2] = {};
    double macs[2] = {};
    for (const bool shapes_only : {false, true}) {
      auto model = testing::model_of(text, standard_catalogue());
      ASSERT_TRUE(model.ok());
      const auto low = lowered(model.take(), cpu_backend(), Limits{}, shapes_only);
      ASSERT_TRUE(low.ok()) << describe(low.error());
      const auto program = Program::make(*low, all_backends(), Limits{});
      ASSERT_TRUE(program.ok()) << describe(program.error());
      const auto work =
          estimate::workload_of(*program, testing::types_of(testing::inputs_of(**program)), {});
      ASSERT_TRUE(work.ok()) << describe(work.error());
      arena[shapes_only] = work->arena_bytes;
      weights[shapes_only] = work->weight_bytes;
      macs[shapes_only] = work->macs;
    }
    EXPECT_EQ(arena[0], arena[1]);
    EXPECT_EQ(weights[0], weights[1]);
    EXPECT_EQ(macs[0], macs[1]);
  }
}

TEST(LoweredWorkload, ArenaOfSyntheticNetworks) {
  for (const SyntheticProgram& p : network_programs(2, 4)) {
    SCOPED_TRACE(p.name);
    auto model = p.text.model(Limits{});
    ASSERT_TRUE(model.ok()) << describe(model.error());
    expect_same_arena(model.take());
  }
}

}  // namespace
}  // namespace hone::calibrate
