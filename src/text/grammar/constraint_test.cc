// Tests of grammars, of what they allow, and of what is refused.
#include "text/grammar/constraint.h"

#include <gtest/gtest.h>

#include <random>

#include "formats/json.h"

namespace hone {
namespace {

bool matches(const Grammar& grammar, std::string_view text) {
  Constraint constraint(grammar);
  const auto taken = constraint.accept(text);
  EXPECT_TRUE(taken.ok()) << taken.error().message;
  return taken.ok() && *taken && constraint.finished();
}

bool begins(const Grammar& grammar, std::string_view text) {
  Constraint constraint(grammar);
  return constraint.accept(text).take();
}

Grammar gbnf(std::string_view text) {
  auto made = Grammar::gbnf(text);
  EXPECT_TRUE(made.ok()) << made.error().message;
  return made.take();
}

Grammar schema(std::string_view text) {
  auto made = Grammar::json_schema(text);
  EXPECT_TRUE(made.ok()) << made.error().message;
  return made.take();
}

std::string refusal(std::string_view text) {
  const auto made = Grammar::gbnf(text);
  return made.ok() ? "" : made.error().message;
}

std::string schema_refusal(std::string_view text) {
  const auto made = Grammar::json_schema(text);
  return made.ok() ? "" : made.error().message;
}

TEST(Gbnf, Expressions) {
  const Grammar g = gbnf(R"(root ::= "a" (b | "c"+)* [x-z]{2,3} "é"?   # a comment
  "." # goes on
b ::= "b" [^a-z"\n]
)");
  EXPECT_TRUE(matches(g, "axx."));
  EXPECT_TRUE(matches(g, "ab1ccxyzé."));
  EXPECT_FALSE(matches(g, "abé世xx."));
  EXPECT_TRUE(matches(g, "ab世xx."));
  EXPECT_FALSE(matches(g, "ax."));
  EXPECT_FALSE(begins(g, "abb"));
  EXPECT_FALSE(begins(g, "axxxx"));
  EXPECT_FALSE(matches(g, "axx"));
  EXPECT_TRUE(begins(g, "axx\xc3"));
  EXPECT_FALSE(begins(g, "axx\xc4"));
}

TEST(Gbnf, TextParsesBack) {
  for (const std::string_view text : {"root ::= \"a\\\"\\n\" [a-z\\]\\-^0] (x | \"\" | y)* "
                                      "{2,3}\nx ::= [^\\x00-\\x1f]\ny ::= x{3,} . \"é\"\n",
                                      "root ::= (\"a\"*)? ((\"b\" | \"c\") \"d\"){2}\n"}) {
    const Grammar first = gbnf(text);
    const Grammar second = gbnf(first.text());
    EXPECT_EQ(first.text(), second.text());
  }
}

TEST(Gbnf, RecursionInTheMiddleIsFine) {
  const Grammar g = gbnf("root ::= \"(\" root \")\" | \"x\"");
  EXPECT_TRUE(matches(g, "x"));
  EXPECT_TRUE(matches(g, std::string(900, '(') + "x" + std::string(900, ')')));
  EXPECT_FALSE(begins(g, std::string(1002, '(')));  // deeper than the limit
  EXPECT_FALSE(begins(g, "(x))"));
  // Behind the last thing a rule calls nothing is stacked.
  const Grammar right = gbnf("root ::= \"a\" root | \"b\"");
  EXPECT_TRUE(matches(right, std::string(100'000, 'a') + "b"));
}

TEST(Gbnf, LeftRecursionIsRefused) {
  EXPECT_NE(refusal("root ::= root \"a\" | \"b\"").find("`root`"), std::string::npos);
  EXPECT_NE(
      refusal("root ::= a\na ::= \"x\"? b\nb ::= (\"y\"* a) | \"z\"").find("begin with itself"),
      std::string::npos);
  EXPECT_EQ(refusal("root ::= a\na ::= \"x\" b\nb ::= (\"y\"* a) | \"z\""), "");
}

TEST(Gbnf, WhatHasNoTextIsRefusedOrLeftOut) {
  EXPECT_NE(refusal("root ::= \"a\" root").find("no text"), std::string::npos);
  EXPECT_NE(refusal("root ::= []").find("no text"), std::string::npos);
  const Grammar g = gbnf("root ::= \"ab\" | \"ac\" endless\nendless ::= \"x\" endless");
  EXPECT_TRUE(matches(g, "ab"));
  EXPECT_FALSE(begins(g, "ac"));
}

TEST(Gbnf, MistakesAreNamed) {
  EXPECT_NE(refusal("a ::= \"b\"").find("`root`"), std::string::npos);
  EXPECT_NE(refusal("root ::= nothing").find("`nothing`"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a\"\n\nroot ::= \"b\"").find("line 3"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a").find("no end"), std::string::npos);
  EXPECT_NE(refusal("root ::= [b-a]").find("before it begins"), std::string::npos);
  EXPECT_NE(refusal("root ::= (\"a\"").find(")"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a\"{3,2}").find("less"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"\\q\"").find("escape"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a\"{99999999}"), "");
  EXPECT_NE(refusal("root ::= ((\"\"{10000}){10000}){10000}").find("places"), std::string::npos);
  EXPECT_NE(refusal("root ::= " + std::string(200, '(') + "\"a\"" + std::string(200, ')')), "");
}

TEST(Gbnf, EmptyLoopsEnd) {
  const Grammar g = gbnf("root ::= ((\"a\"?)* b*)* \"c\"\nb ::= \"b\"?");
  EXPECT_TRUE(matches(g, "aabac"));
  EXPECT_FALSE(begins(g,
                      "ac"
                      "a"));
}

TEST(Json, AnyValue) {
  const Grammar g = Grammar::named("json").take();
  for (const std::string_view text :
       {"null", "true", "0", "-1.5e-3", "\"a\\u00e9\\ud83d\\ude00\\n é\"", "[]", "[1, [2], {}]",
        "{\"a\":1, \"b\": [null]}", "{\n  \"a\": {\n    \"b\": 2\n  }\n}"}) {
    EXPECT_TRUE(matches(g, text)) << text;
  }
  for (const std::string_view text :
       {"", "nul", "01", "1.", "[1,]", "{\"a\"}", "\"\\ud83d\"", "\"\n\"", "{a:1}", "[1 2]"}) {
    EXPECT_FALSE(matches(g, text)) << text;
  }
  EXPECT_TRUE(matches(Grammar::named("json_object").take(), "{}"));
  EXPECT_FALSE(begins(Grammar::named("json_object").take(), "["));
  EXPECT_FALSE(Grammar::named("yaml").ok());
}

TEST(Schema, Objects) {
  const Grammar g = schema(R"({"type": "object", "properties": {
    "a": {"type": "integer"}, "b": {"type": "string"}, "c": {"enum": ["x", 1, null]}},
    "required": ["b"]})");
  EXPECT_TRUE(matches(g, R"({"b":"t"})"));
  EXPECT_TRUE(matches(g, R"({"a": 1, "b": "t", "c": null})"));
  EXPECT_TRUE(matches(g, R"({"b": "t", "c": "x"})"));
  EXPECT_FALSE(matches(g, R"({"a": 1})"));
  EXPECT_FALSE(begins(g, R"({"b": "t", "a")"));
  EXPECT_FALSE(begins(g, R"({"d")"));
  EXPECT_FALSE(begins(g, R"({"a": 1.)"));
  const Grammar open = schema(R"({"type": "object", "properties": {"ab": {"type": "null"}},
    "additionalProperties": {"type": "boolean"}})");
  EXPECT_TRUE(matches(open, R"({"ab":null,"a":true,"abc":false,"b":true})"));
  EXPECT_TRUE(matches(open, R"({"abc":false})"));
  EXPECT_FALSE(begins(open, R"({"ab":t)"));
  EXPECT_FALSE(begins(open, R"({"x":true,"ab":)"));
}

TEST(Schema, Arrays) {
  const Grammar g =
      schema(R"({"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":3})");
  EXPECT_TRUE(matches(g, "[true, false]"));
  EXPECT_TRUE(matches(g, "[true,true,true]"));
  EXPECT_FALSE(matches(g, "[true]"));
  EXPECT_FALSE(begins(g, "[true,true,true,"));
  const Grammar fixed = schema(
      R"({"type":"array","prefixItems":[{"const":1},{"const":2}],"items":{"const":3},"minItems":1})");
  EXPECT_TRUE(matches(fixed, "[1]"));
  EXPECT_TRUE(matches(fixed, "[1,2,3,3]"));
  EXPECT_FALSE(begins(fixed, "[]"));
  EXPECT_FALSE(begins(fixed, "[1,3"));
  EXPECT_TRUE(matches(schema(R"({"type":"array","maxItems":0})"), "[]"));
  EXPECT_FALSE(begins(schema(R"({"type":"array","maxItems":0})"), "[1"));
}

TEST(Schema, Strings) {
  const Grammar sized = schema(R"({"type":"string","minLength":2,"maxLength":3})");
  EXPECT_TRUE(matches(sized, "\"é世\""));
  EXPECT_TRUE(matches(sized, "\"a\\nb\""));
  EXPECT_FALSE(matches(sized, "\"a\""));
  EXPECT_FALSE(begins(sized, "\"abcd"));
  const Grammar pattern = schema(R"({"type":"string","pattern":"^(\\d{3}-)?[a-f\"]+\\w?$"})");
  EXPECT_TRUE(matches(pattern, "\"123-abc_\""));
  EXPECT_TRUE(matches(pattern, "\"a\\\"\""));
  EXPECT_FALSE(begins(pattern, "\"12a"));
  EXPECT_TRUE(matches(schema(R"({"type":"string","pattern":"b|^x"})"), "\"abc\""));
  EXPECT_TRUE(matches(schema(R"({"type":"string","pattern":"b|^x"})"), "\"xa\""));
  EXPECT_FALSE(matches(schema(R"({"type":"string","pattern":"b|^x"})"), "\"ax\""));
  EXPECT_TRUE(matches(schema(R"({"type":"string","format":"date"})"), "\"2024-02-28\""));
  EXPECT_FALSE(begins(schema(R"({"type":"string","format":"date"})"), "\"2024-02-30"));
  EXPECT_FALSE(begins(schema(R"({"type":"string","format":"date"})"), "\"2024-13"));
  EXPECT_TRUE(matches(schema(R"({"type":"string","format":"uuid"})"),
                      "\"123e4567-e89b-12d3-a456-426614174000\""));
  EXPECT_TRUE(matches(schema(R"({"type":"string","format":"date-time"})"),
                      "\"2024-12-31T23:59:59.5+02:00\""));
}

TEST(Schema, IntegersBetweenBounds) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    int64_t low = static_cast<int64_t>(random() % 3000) - 1500;
    int64_t high = low + static_cast<int64_t>(random() % (round % 2 == 0 ? 20 : 2000));
    const Grammar g = schema("{\"type\":\"integer\",\"minimum\":" + std::to_string(low) +
                             ",\"maximum\":" + std::to_string(high) + "}");
    const Constraint start(g);
    for (int64_t n = -4000; n <= 4000; n += round % 2 == 0 ? 1 : 7) {
      Constraint at = start;
      const bool taken = at.accept(std::to_string(n)).take() && at.finished();
      ASSERT_EQ(taken, n >= low && n <= high) << low << " " << high << " " << n;
    }
  }
  EXPECT_TRUE(matches(schema(R"({"type":"integer","exclusiveMinimum":5})"), "6"));
  EXPECT_FALSE(matches(schema(R"({"type":"integer","exclusiveMinimum":5})"), "5"));
  EXPECT_TRUE(matches(schema(R"({"type":"integer","minimum":100})"), "123456789"));
  EXPECT_FALSE(begins(schema(R"({"type":"integer","minimum":0})"), "-"));
}

TEST(Schema, NumbersBetweenBounds) {
  const Grammar g = schema(R"({"type":"number","exclusiveMinimum":-2,"maximum":10})");
  for (const std::string_view text : {"-1.99", "0", "0.5", "9.99", "10", "-0.1", "-1"}) {
    EXPECT_TRUE(matches(g, text)) << text;
  }
  for (const std::string_view text : {"-2", "-2.0", "10.1", "11", "100", "-3", "10.5"}) {
    EXPECT_FALSE(matches(g, text)) << text;
  }
  const Grammar above = schema(R"({"type":"number","exclusiveMinimum":3})");
  EXPECT_TRUE(matches(above, "3.01"));
  EXPECT_FALSE(matches(above, "3.0"));
  EXPECT_FALSE(matches(above, "3"));
  EXPECT_TRUE(matches(above, "4"));
}

TEST(Schema, ReferencesAndCombinations) {
  const Grammar tree = schema(R"({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object",
    "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
    "required": ["v", "next"]}}})");
  EXPECT_TRUE(matches(tree, R"({"v":1,"next":{"v":2,"next":null}})"));
  EXPECT_FALSE(matches(tree, R"({"v":1,"next":{"v":2}})"));
  const Grammar wrapped = schema(R"({"$ref": "#/$defs/n", "$defs": {"n": {"type": "object",
    "properties": {"next": {"allOf": [{"$ref": "#/$defs/n"}], "title": "on"}}}}})");
  EXPECT_TRUE(matches(wrapped, R"({"next":{"next":{}}})"));
  const Grammar all = schema(R"({"allOf": [{"type": ["integer", "string"], "minimum": 3},
    {"type": ["number", "null"], "maximum": 4}]})");
  EXPECT_TRUE(matches(all, "3"));
  EXPECT_FALSE(matches(all, "5"));
  EXPECT_FALSE(begins(all, "\""));
  const Grammar beside = schema(R"({"type": "object", "properties": {"k": {"const": 1}},
    "anyOf": [{"required": ["k"]}, {"properties": {"m": {"type": "null"}}, "required": ["m"]}]})");
  EXPECT_TRUE(matches(beside, R"({"k":1})"));
  EXPECT_TRUE(matches(beside, R"({"m":null})"));
  EXPECT_FALSE(matches(beside, "{}"));
  EXPECT_TRUE(matches(schema("true"), "[1]"));
  EXPECT_TRUE(matches(schema(R"({"enum": [{"a": [1, "b"]}, 2.5]})"), R"({"a":[1,"b"]})"));
  EXPECT_TRUE(matches(schema(R"({"description": "anything"})"), "[1]"));
}

TEST(Schema, WhatCannotBeHeldToIsNamed) {
  for (const auto& [text, word] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {R"({"type": "array", "uniqueItems": true})", "uniqueItems"},
           {R"({"not": {}})", "not"},
           {R"({"type": "text"})", "text"},
           {R"({"$ref": "other.json"})", "other.json"},
           {R"({"$ref": "#/$defs/x"})", "leads nowhere"},
           {R"~({"type": "string", "pattern": "(?=a)"})~", "look-around"},
           {R"({"type": "string", "pattern": "a(b"})", "pattern"},
           {R"({"type": "string", "pattern": "a", "minLength": 2})", "minLength"},
           {R"({"type": "number", "minimum": 0.5})", "whole"},
           {R"({"type": "integer", "minimum": 3, "maximum": 2})", "no text"},
           {R"({"allOf": [{"type": "string"}, {"type": "null"}]})", "no text"},
           {R"({"enum": [1], "minimum": 0})", "minimum"},
           {R"({"$ref": "#"})", "no text"},
           {R"([1])", "object or a boolean"},
           {"{", "JSON"},
           {R"({"allOf": [{"$ref": "#"}, {"type": "null"}]})", "circle"},
       }) {
    EXPECT_NE(schema_refusal(text).find(word), std::string::npos) << text << schema_refusal(text);
  }
}

// A vocabulary with bytes, words and pieces that cross the borders of JSON.
struct Vocabulary {
  std::vector<std::string> texts;
  std::vector<std::string_view> pieces;
  Vocabulary() {
    texts.emplace_back();  // the end
    for (int b = 0; b < 256; ++b) texts.emplace_back(1, static_cast<char>(b));
    for (const char* piece :
         {"true",  "false", "null", "\": ", "\",",     "\"}",   "}}",   "],", "[[", "{\"",
          "\":\"", "12",    "3.5",  "é",    "世界",    "\n  ",  ", \"", "tr", "ue", "ab",
          "abc",   "\"a\"", "a\":", "  ",   "\": {\"", "\\u00", "\\n",  "0}", "1,", "-1",
          "e5",    "\"\"",  "[]",   "{}",   "()",      "((",    "))",   "x)"}) {
      texts.emplace_back(piece);
    }
    // Pieces that begin alike, of bytes of all kinds.
    std::mt19937 random(3);
    const std::string alphabets[] = {"ab", "abAZ", "a1 ", "ab\"\\", "a,:[", "a\x7f\n", "a\xc3\xa9"};
    for (int i = 0; i < 150; ++i) {
      const std::string& alphabet = alphabets[random() % std::size(alphabets)];
      std::string piece;
      for (auto n = 2 + random() % 5; n > 0; --n) piece += alphabet[random() % alphabet.size()];
      texts.push_back(piece);
    }
    texts.emplace_back("true");  // the same text twice
    for (const std::string& text : texts) pieces.emplace_back(text);
  }
};

// What a mask says, token by token, is what accept() does; and random walks end.
void check_masks(const Grammar& grammar, uint32_t seed, int walks) {
  const Vocabulary vocabulary;
  const int32_t end = 0;
  const TokenTrie trie = TokenTrie::make(vocabulary.pieces, {&end, 1}).take();
  std::mt19937 random(seed);
  const Constraint start(grammar);
  for (int walk = 0; walk < walks; ++walk) {
    Constraint at = start;
    std::string text;
    for (int step = 0; step < 60; ++step) {
      const auto mask = at.allowed(trie).take();
      std::vector<size_t> choices;
      for (size_t t = 1; t < vocabulary.texts.size(); ++t) {
        Constraint copy = at;
        const bool taken = copy.accept(vocabulary.texts[t]).take();
        ASSERT_EQ((*mask)[static_cast<int32_t>(t)], taken) << text << " + " << vocabulary.texts[t];
        if (taken) choices.push_back(t);
      }
      ASSERT_EQ((*mask)[end], at.finished());
      ASSERT_EQ(at.must_end(), choices.empty() && at.finished());
      ASSERT_TRUE(at.finished() || !choices.empty()) << text;
      if (choices.empty()) break;
      const size_t chosen = choices[random() % choices.size()];
      ASSERT_TRUE(at.accept(vocabulary.texts[chosen]).take());
      text += vocabulary.texts[chosen];
    }
  }
}

TEST(Constraint, MasksAgreeWithAcceptingEachToken) {
  check_masks(Grammar::named("json").take(), 1, 6);
  check_masks(gbnf("root ::= \"(\" root \")\" | \"x\" | \"ab\" root"), 2, 6);
  check_masks(
      gbnf("root ::= a* b | a \"true\"\na ::= \"a\" | \"ab\" | [^x]{1,2}\nb ::= \"c\"? \"x\""), 3,
      6);
  check_masks(schema(R"({"type":"object","properties":{"a":{"type":"string"},"abc":{"type":"array",
    "items":{"type":["number","null"]}}},"required":["a"],"additionalProperties":true})"),
              4, 6);
  check_masks(schema(R"({"type":"string","minLength":1,"maxLength":5})"), 5, 4);
}

TEST(Constraint, CopiesAreIndependent) {
  const Grammar g = gbnf("root ::= \"ab\" | \"ac\"");
  Constraint first(g);
  ASSERT_TRUE(first.accept("a").take());
  Constraint second = first;
  ASSERT_TRUE(first.accept("b").take());
  EXPECT_TRUE(first.finished());
  EXPECT_FALSE(second.finished());
  EXPECT_FALSE(first.accept("c").take());
  EXPECT_TRUE(second.accept("c").take());
}

TEST(Constraint, LimitsAreErrors) {
  GrammarLimits limits;
  limits.states = 50;
  const Grammar g = gbnf("root ::= (\"a\" | \"b\"){1,200}");
  Constraint constraint(g, limits);
  const auto taken = constraint.accept(std::string(150, 'a'));
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().id, ErrorId::over_memory);
  limits = {};
  limits.ambiguity = 10;
  Constraint ambiguous(gbnf("root ::= (\"a\"{0,5}){0,50}"), limits);
  EXPECT_FALSE(ambiguous.accept("aaa").ok());
  limits = {};
  limits.memory = 10'000;
  Constraint large(g, limits);
  const auto accepted = large.accept(std::string(150, 'a'));
  ASSERT_FALSE(accepted.ok());
  EXPECT_EQ(accepted.error().id, ErrorId::over_memory);
}

TEST(TokenTrie, HoldsAllTokensInOrder) {
  const std::string_view pieces[] = {"b", "", "ab", "a", "abc", "b"};
  const int32_t end = 1;
  const TokenTrie trie = TokenTrie::make(pieces, {&end, 1}).take();
  ASSERT_EQ(trie.nodes().size(), 5u);  // the root, a, ab, abc, b
  EXPECT_EQ(trie.nodes()[1].after, 4u);
  EXPECT_EQ(trie.nodes()[4].count, 2u);
  EXPECT_EQ(trie.ids()[trie.nodes()[2].first], 2);
  const int32_t wrong = 9;
  EXPECT_FALSE(TokenTrie::make(pieces, {&wrong, 1}).ok());
}

}  // namespace
}  // namespace hone
