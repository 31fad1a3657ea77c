// Tests of taking a text in the text form apart.
#include "ir/scanner.h"

#include <gtest/gtest.h>

namespace hone::syntax {
namespace {

TEST(Scanner, TakesWordsSignsAndNumbers) {
  const Limits limits;
  Scanner s(" graph graphs // a comment\n(%12 \"a \\\"b\\\"\"-0x1f 1e-5 -7) inf x", limits);
  EXPECT_EQ(s.peek_raw(), ' ');
  EXPECT_TRUE(s.eat_word("graph"));
  EXPECT_FALSE(s.eat_word("graph"));
  EXPECT_EQ(*s.name(), "graphs");
  EXPECT_EQ(s.peek(), '(');
  EXPECT_TRUE(s.expect("(").ok());
  EXPECT_EQ(*s.value_name(), "%12");
  EXPECT_EQ(*s.name(), "a \"b\"");
  EXPECT_EQ(*s.number(), "-0x1f");
  EXPECT_EQ(*s.number(), "1e-5");
  const size_t place = s.place();
  EXPECT_EQ(*s.integer(), -7);
  EXPECT_EQ(s.since(place), " -7");
  s.go_back(place);
  EXPECT_EQ(*s.integer(), -7);
  EXPECT_TRUE(s.eat(")"));
  EXPECT_TRUE(s.starts_number());
  EXPECT_EQ(*s.number(), "inf");
  EXPECT_FALSE(s.starts_number());
  EXPECT_EQ(*s.name(), "x");
  EXPECT_TRUE(s.at_end());
  EXPECT_EQ(s.line(), 2u);
}

TEST(Scanner, SaysWhereItFails) {
  Limits limits;
  limits.name = 4;
  const auto failure = [&](std::string_view text, auto&& take) {
    Scanner s(text, limits);
    auto result = take(s);
    EXPECT_FALSE(result.ok()) << text;
    return result.ok() ? "" : result.error().message;
  };
  const auto name = [](Scanner& s) { return s.name(); };
  const auto integer = [](Scanner& s) { return s.integer(); };
  EXPECT_EQ(failure("\n  9", name), "expected a name at line 2, column 3, found '9'");
  EXPECT_EQ(failure("", name), "expected a name at line 1, column 1, found 'the end'");
  EXPECT_NE(failure("abcde", name).find("too long"), std::string::npos);
  EXPECT_NE(failure("\"ab", name).find("does not end"), std::string::npos);
  EXPECT_NE(failure("\"a\\", name).find("does not end"), std::string::npos);
  EXPECT_NE(failure("1.5", integer).find("not an integer"), std::string::npos);
  EXPECT_NE(failure("9223372036854775808", integer).find("64 bits"), std::string::npos);
  EXPECT_NE(failure(std::string(65, '1'), integer).find("too long"), std::string::npos);
  EXPECT_NE(failure("%", [](Scanner& s) { return s.value_name(); }).find("after '%'"),
            std::string::npos);
}

}  // namespace
}  // namespace hone::syntax
