// Tests of the formulas of derived figures.
#include "hardware/formula.h"

#include <gtest/gtest.h>

#include <string>

namespace hone {
namespace {

std::optional<double> named(std::string_view name) {
  return name == "cores" ? std::optional(40.0) : std::nullopt;
}
double value(std::string_view formula) {
  const auto result = evaluate(formula, named);
  EXPECT_TRUE(result.ok()) << formula << ": " << (result ? "" : result.error().message);
  return result ? *result : 0;
}
std::string refusal(std::string_view formula) {
  const auto result = evaluate(formula, named);
  return result ? "" : result.error().message;
}

TEST(Formula, Computes) {
  EXPECT_EQ(value("1 + 2 * 3 - 4 / 2"), 5);
  EXPECT_EQ(value("(1 + 2) * 3"), 9);
  EXPECT_EQ(value("cores*64*2.3GHz"), 40 * 64 * 2.3e9);
  EXPECT_EQ(value("8 * 8 B * 3200 MHz"), 204.8e9);
  EXPECT_EQ(value("2 GB/s + 1"), 2e9 + 1);
  EXPECT_EQ(value("8 B/2"), 4);
  EXPECT_EQ(value("1.5e3"), 1500);
}

TEST(Formula, RefusesTheRest) {
  EXPECT_EQ(refusal("cors * 2"), "the formula uses cors, which the device does not have");
  EXPECT_EQ(refusal("2 GH"), "there is no unit GH in the formula");
  EXPECT_EQ(refusal("2 *"), "a number or a name is missing at character 4 of the formula");
  EXPECT_EQ(refusal("(2"), "a bracket does not close at character 3 of the formula");
  EXPECT_EQ(refusal("2 3"), "an operator is missing at character 3 of the formula");
  EXPECT_EQ(refusal("1 / 0"), "the formula gives no number");
  EXPECT_EQ(refusal("1e999"), "a number is out of range at character 1 of the formula");
  for (const std::string& text : {std::string(), std::string(100, '('), std::string("2\0", 2),
                                  std::string("-1"), std::string("2 ^ 3")})
    EXPECT_NE(refusal(text), "") << text;
}

}  // namespace
}  // namespace hone
