// Hostile models in the text form: what they make of memory is charged, as for every other format.
#include "ir/text.h"

#include <gtest/gtest.h>

#include "malformed/guarded.h"
#include "ops/catalogue.h"

namespace hone {
namespace {

// Reads the text with a small budget; few resident bytes more than that are allowed.
testing::Outcome read(const std::string& text, Limits limits = {}) {
  limits.memory = uint64_t{64} << 20;
  const testing::Bounds bounds{10, 256};
  const auto outcome = testing::guarded(
      [&](const testing::Note&) -> Status {
        TRY(parse_model_text(text, standard_catalogue(), limits));
        return ok();
      },
      bounds);
  testing::expect_contained(outcome, bounds);
  return outcome;
}

void expect_refused(const std::string& text, std::string_view code, const Limits& limits = {}) {
  const auto outcome = read(text, limits);
  EXPECT_TRUE(outcome.refused) << "it was accepted";
  EXPECT_NE(outcome.message.find("[" + std::string(code) + "]"), std::string::npos)
      << outcome.message;
}

std::string repeated(std::string_view piece, size_t times) {
  std::string text;
  text.reserve(piece.size() * times);
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

TEST(HostileText, ManyArguments) {
  expect_refused(
      "hone 1\ngraph g(x: f32[2]) -> (y) { y = sum(" + repeated("_,", 6'000'000) + "x) }",
      "limit.memory");
}

TEST(HostileText, ManyElements) {
  expect_refused(
      "hone 1\ngraph g() -> (y) { y = neg(f32[6000000]{" + repeated("1,", 6'000'000) + "}) }",
      "limit.memory");
  expect_refused("hone 1\nconst @c: u8[6000000] = {" + repeated("1,", 6'000'000) +
                     "}\ngraph g() -> (y) { y = neg(@c) }",
                 "limit.memory");
  expect_refused("hone 1\ngraph g(x: f32[2]) -> (y) { y = transpose(x) <perm=[" +
                     repeated("1,", 6'000'000) + "]> }",
                 "limit.memory");
}

TEST(HostileText, ManyOfEverything) {
  const std::string end = "graph g(x: f32[2]) -> (x) {}";
  std::string text = "hone 1\n";
  for (int i = 0; i < 600'000; ++i) text += "symbol s" + std::to_string(i) + ":call\n";
  expect_refused(text + end, "limit.memory");
  text = "hone 1\n";
  for (int i = 0; i < 600'000; ++i) text += "source " + std::to_string(i) + " \"\" 0\n";
  expect_refused(text + end, "limit.memory");
  text = "hone 1\n";
  for (int i = 0; i < 400'000; ++i) text += "graph g" + std::to_string(i) + "()->(){}\n";
  expect_refused(text, "limit.memory");
  expect_refused("hone 1\ngraph g(x: f32[2]) -> (" + repeated("y=x,", 1'000'000) + ") {}",
                 "limit.memory");
}

// Each line is short, but its value has all the axes of the one before.
TEST(HostileText, TypesThatAreInferred) {
  std::string text = "hone 1\ngraph g(v0: f32[" + repeated("1,", 64) + "]) -> (v50000) {\n";
  for (int i = 0; i < 50'000; ++i)
    text += "v" + std::to_string(i + 1) + "=neg(v" + std::to_string(i) + ")\n";
  expect_refused(text + "}", "limit.memory");
}

TEST(HostileText, CountsOfNodesAndConstants) {
  Limits limits;
  limits.nodes = 10;
  const auto calls = [](int n) {
    return "hone 1\ngraph g(x: f32[2]) -> (y) { y = " + repeated("neg(", size_t(n)) + "x" +
           repeated(")", size_t(n)) + " }";
  };
  EXPECT_FALSE(read(calls(10), limits).refused);
  expect_refused(calls(11), "limit.nodes", limits);
  // Of all graphs together.
  expect_refused(
      "hone 1\ngraph a(x: f32[2]) -> (y) { y = neg(neg(neg(neg(neg(neg(x)))))) }\n"
      "graph b(x: f32[2]) -> (y) { y = neg(neg(neg(neg(neg(neg(x)))))) }",
      "limit.nodes", limits);
  limits = {};
  limits.tensors = 2;
  expect_refused(
      "hone 1\nconst @c: f32[] = {1}\n"
      "graph g(x: f32[2]) -> (y) { y = add(add(x, @c), add(1.0, f32{2})) }",
      "limit.size", limits);
}

TEST(HostileText, LongNames) {
  Limits limits;
  limits.name = 100;
  for (const char* quote : {"", "\""}) {
    const auto named = [&](size_t n) {
      const std::string name = quote + std::string(n, 'n') + quote;
      return "hone 1\ngraph g(" + name + ": f32[2]) -> (" + name + ") {}";
    };
    EXPECT_FALSE(read(named(100), limits).refused);
    expect_refused(named(101), "limit.size", limits);
  }
}

// Very many graphs that use the last of very many constants.
TEST(HostileText, ConstantsOfManyGraphs) {
  std::string text = "hone 1\n";
  for (int i = 0; i < 50'000; ++i) text += "const @c" + std::to_string(i) + ":u8[]={1}\n";
  for (int i = 0; i < 20'000; ++i) text += "graph g" + std::to_string(i) + "()->(y=@c49999){}\n";
  read(text);
}

}  // namespace
}  // namespace hone
