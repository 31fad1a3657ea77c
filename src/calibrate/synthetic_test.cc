// Synthetic programs: the same for a seed, and such that every one of them can be lowered.
#include "calibrate/synthetic.h"

#include <gtest/gtest.h>

#include <set>

#include "backends/backends.h"
#include "calibrate/sampling.h"
#include "estimate/family.h"
#include "ir/text.h"
#include "runtime/program.h"

namespace hone::calibrate {
namespace {

std::string text_of(const std::vector<SyntheticProgram>& programs) {
  std::string text;
  for (const SyntheticProgram& p : programs) {
    auto model = p.text.model(Limits{});
    EXPECT_TRUE(model.ok()) << p.name << ": " << describe(model.error());
    if (model) text += p.name + "\n" + print(*model, {.memory = false});
  }
  return text;
}

TEST(Synthetic, OperatorsAreThoseOfTheSeed) {
  const std::string once = text_of(operator_programs(3, 40));
  EXPECT_EQ(once, text_of(operator_programs(3, 40)));
  EXPECT_NE(once, text_of(operator_programs(4, 40)));
}

TEST(Synthetic, NetworksAreThoseOfTheSeed) {
  const std::string once = text_of(network_programs(3, 8));
  EXPECT_EQ(once, text_of(network_programs(3, 8)));
  EXPECT_NE(once, text_of(network_programs(4, 8)));
}

TEST(Synthetic, AboutAsManyAsAskedFor) {
  for (const size_t wanted : {50, 200, 400}) {
    size_t shapes = 0;
    std::set<std::string> names;
    for (const SyntheticProgram& p : operator_programs(0, wanted)) {
      shapes += p.shapes;
      EXPECT_TRUE(names.insert(p.name).second) << p.name;
      EXPECT_FALSE(p.text.empty());
    }
    EXPECT_GE(shapes, wanted * 3 / 4);
    EXPECT_LE(shapes, wanted * 5 / 4);
  }
  EXPECT_EQ(network_programs(0, 8).size(), 8u);
}

// Lowered without their weights, each is a program all of whose sizes are known.
void expect_lowers(const std::vector<SyntheticProgram>& programs,
                   std::set<std::string_view>& families) {
  for (const SyntheticProgram& p : programs) {
    SCOPED_TRACE(p.name);
    auto model = p.text.model(Limits{});
    ASSERT_TRUE(model.ok()) << describe(model.error());
    const auto low = lowered(model.take(), cpu_backend(), Limits{}, true);
    ASSERT_TRUE(low.ok()) << describe(low.error());
    const auto program = Program::make(*low, all_backends(), Limits{});
    ASSERT_TRUE(program.ok()) << describe(program.error());
    Types inputs;
    for (const ValueId v : (*low)->main().inputs) inputs.push_back((*low)->main()[v].type);
    const auto work = estimate::workload_of(*program, inputs, {});
    ASSERT_TRUE(work.ok()) << describe(work.error());
    EXPECT_TRUE(work->unknown.empty());
    EXPECT_FALSE(work->steps.empty());
    for (const estimate::Step& step : work->steps)
      if (const auto d = estimate::describe(step, **low, {}); d.family)
        families.insert(d.family->name);
  }
}

TEST(Synthetic, OperatorsLower) {
  std::set<std::string_view> families;
  expect_lowers(operator_programs(1, 40), families);
  EXPECT_GE(families.size(), 12u);
  EXPECT_FALSE(families.contains("other"));
}

TEST(Synthetic, LanguageModelsLower) {
  std::set<std::string_view> families;
  expect_lowers(language_programs(1, 4), families);
  for (const char* family : {"paged_attention", "block_linear", "block_linear_few_rows", "rotary"})
    EXPECT_TRUE(families.contains(family)) << family;
  EXPECT_FALSE(families.contains("other"));
}

TEST(Synthetic, NetworksLower) {
  std::set<std::string_view> families;
  expect_lowers(network_programs(1, 8), families);
  EXPECT_TRUE(families.contains("attention"));
  EXPECT_TRUE(families.contains("conv_pixels"));
  EXPECT_FALSE(families.contains("other"));
}

}  // namespace
}  // namespace hone::calibrate
