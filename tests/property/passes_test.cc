// Random graphs: passes keep their meaning, and the text form keeps them exactly.
#include <gtest/gtest.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "property/random_graph.h"
#include "support/evaluate.h"

namespace hone {
namespace {

constexpr uint64_t kSeeds = 300;  // for each property

testing::GraphSpec spec_for(uint64_t seed) {
  return {.nodes = 4 + int(seed % 40), .symbols = seed % 3 == 1, .control = seed % 4 == 2};
}

// Composite operators round differently from what they stand for, and differences grow with depth.
constexpr double kRelative = 1e-3, kAbsolute = 1e-3;

// Runs the model before and after; the message holds the seed and both graphs.
void expect_same(uint64_t seed, const std::string& pipeline) {
  const Model before = testing::random_model(seed, spec_for(seed));
  SCOPED_TRACE("seed " + std::to_string(seed) + ", " + pipeline + "\n" + print(before));
  ASSERT_TRUE(verify(before, standard_catalogue(), Phase::import).ok())
      << describe(verify(before, standard_catalogue(), Phase::import).error());
  testing::Random random(seed);
  Dim::Bindings bindings;
  const auto inputs = testing::random_inputs(before.main(), bindings, random);
  const auto expected = testing::evaluate(before, standard_catalogue(), inputs);
  Model after = before;
  PipelineOptions options;
  options.verify_each = true;
  const auto report = run_pipeline(after, pipeline, standard_catalogue(), Limits{}, options);
  ASSERT_TRUE(report.ok()) << describe(report.error());
  const auto computed = testing::evaluate(after, standard_catalogue(), inputs);
  if (!expected) {
    // Division by zero of integers and the like: the passes may have removed the node.
    return;
  }
  ASSERT_TRUE(computed.ok()) << describe(computed.error()) << print(after);
  EXPECT_EQ(testing::difference(*computed, *expected, kRelative, kAbsolute), "") << print(after);
}

class EveryPass : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryPass, KeepsTheMeaning) {
  for (uint64_t seed = 0; seed < kSeeds && !HasFailure(); ++seed) expect_same(seed, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Passes, EveryPass,
                         ::testing::Values("clean", "fold", "sweep", "merge", "canonicalize",
                                           "recognize", "expand(op=all)",
                                           "expand(op=all), " +
                                               std::string(named_pipeline("clean"))),
                         [](const auto& info) { return "n" + std::to_string(info.index); });

// Most graphs run: the properties above would hold for graphs that all fail.
TEST(RandomGraphs, MostRun) {
  uint64_t ran = 0, nodes = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Model model = testing::random_model(seed, spec_for(seed));
    testing::Random random(seed);
    Dim::Bindings bindings;
    const auto inputs = testing::random_inputs(model.main(), bindings, random);
    const auto result = testing::evaluate(model, standard_catalogue(), inputs);
    ran += result.ok() ? 1 : 0;
    nodes += model.main().live_nodes();
  }
  EXPECT_GT(ran, kSeeds * 3 / 4);
  EXPECT_GT(nodes, kSeeds * 10);
}

// A second clean finds nothing to do.
TEST(RandomGraphs, CleanIsAFixedPoint) {
  for (uint64_t seed = 0; seed < kSeeds && !HasFailure(); ++seed) {
    Model model = testing::random_model(seed, spec_for(seed));
    const std::string before = print(model);
    ASSERT_TRUE(run_pipeline(model, "clean", standard_catalogue(), Limits{}).ok()) << before;
    const std::string once = print(model);
    const auto again = run_pipeline(model, "clean", standard_catalogue(), Limits{});
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->journal.edits.size(), 0u) << before << once;
    EXPECT_EQ(print(model), once) << "seed " << seed << "\n" << before;
  }
}

TEST(RandomGraphs, TextRoundTrip) {
  for (uint64_t seed = 0; seed < 2 * kSeeds && !HasFailure(); ++seed) {
    const Model model = testing::random_model(seed, spec_for(seed));
    const std::string text = print(model);
    const auto parsed = parse_model_text(text, standard_catalogue(), Limits{});
    ASSERT_TRUE(parsed.ok()) << describe(parsed.error()) << "\n" << text;
    EXPECT_EQ(print(*parsed), text) << "seed " << seed;
  }
}

// Stopping after n edits gives a graph that still means the same, for every n.
TEST(RandomGraphs, EveryPrefixOfTheEditsKeepsTheMeaning) {
  for (uint64_t seed = 0; seed < 20 && !HasFailure(); ++seed) {
    const Model before = testing::random_model(seed, spec_for(seed));
    testing::Random random(seed);
    Dim::Bindings bindings;
    const auto inputs = testing::random_inputs(before.main(), bindings, random);
    const auto expected = testing::evaluate(before, standard_catalogue(), inputs);
    if (!expected) continue;
    for (size_t n = 0; n < 30 && !HasFailure(); ++n) {
      Model after = before;
      PipelineOptions options;
      options.verify_each = true;
      options.stop_after_edits = n;
      const auto report = run_pipeline(after, "clean", standard_catalogue(), Limits{}, options);
      ASSERT_TRUE(report.ok()) << describe(report.error());
      EXPECT_LE(report->journal.edits.size(), n);
      const auto computed = testing::evaluate(after, standard_catalogue(), inputs);
      ASSERT_TRUE(computed.ok()) << describe(computed.error());
      EXPECT_EQ(testing::difference(*computed, *expected, kRelative, kAbsolute), "")
          << "seed " << seed << " after " << n << " edits\n"
          << print(before) << print(after);
    }
  }
}

}  // namespace
}  // namespace hone
