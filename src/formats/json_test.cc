// Tests of the JSON reader: values, limits of numbers, and everything it refuses.
#include "formats/json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/json_writer.h"
#include "base/text.h"

namespace hone {
namespace {

using namespace std::string_literals;

Result<JsonDocument> parse(std::string_view text) {
  Ledger ledger{Limits()};
  return JsonDocument::parse(text, ledger);
}

TEST(Json, ReadsEveryKind) {
  const auto document =
      parse(R"( {"a": [1, -2, 3.5, true, false, null, "x"], "b": {}, "c": [], "": "e"} )");
  ASSERT_TRUE(document);
  const Json root = document->root();
  ASSERT_TRUE(root.is_object());
  EXPECT_EQ(root.size(), 4u);
  const Json list = *root.get("a");
  ASSERT_EQ(list.size(), 7u);
  std::vector<Json> items;
  for (const Json element : list.elements()) items.push_back(element);
  ASSERT_EQ(items.size(), 7u);
  EXPECT_EQ(*items[0].as_int64(), 1);
  EXPECT_EQ(*items[1].as_int64(), -2);
  EXPECT_EQ(*items[2].as_double(), 3.5);
  EXPECT_EQ(*items[3].as_bool(), true);
  EXPECT_EQ(*items[4].as_bool(), false);
  EXPECT_TRUE(items[5].is_null());
  EXPECT_EQ(*items[6].as_string(), "x");
  EXPECT_EQ(root.find("b")->size(), 0u);
  EXPECT_TRUE(root.find("c")->is_array());
  EXPECT_EQ(*root.find("")->as_string(), "e");
  EXPECT_FALSE(root.find("d").has_value());
  EXPECT_EQ(root.get("d").error().message, "the key \"d\" is missing");
  EXPECT_FALSE(list.find("a").has_value());
  std::string keys;
  for (const auto [key, value] : root.members()) keys += std::string(key) + ";";
  EXPECT_EQ(keys, "a;b;c;;");
}

TEST(Json, ScalarsAtTheTop) {
  EXPECT_EQ(*parse("7")->root().as_int64(), 7);
  EXPECT_EQ(*parse("\t\"a\"\n")->root().as_string(), "a");
  EXPECT_TRUE(parse("null")->root().is_null());
}

TEST(Json, IntegersAreExact) {
  EXPECT_EQ(*parse("9223372036854775807")->root().as_int64(), INT64_MAX);
  EXPECT_EQ(*parse("-9223372036854775808")->root().as_int64(), INT64_MIN);
  EXPECT_FALSE(parse("9223372036854775808")->root().as_int64());
  EXPECT_EQ(*parse("18446744073709551615")->root().as_uint64(), UINT64_MAX);
  EXPECT_FALSE(parse("-1")->root().as_uint64());
  EXPECT_FALSE(parse("18446744073709551616")->root().as_uint64());
  EXPECT_EQ(*parse("18446744073709551616")->root().as_double(), 18446744073709551616.0);
  EXPECT_EQ(*parse("-9223372036854775809")->root().as_double(), -9223372036854775809.0);
  EXPECT_FALSE(parse("1.0")->root().as_int64());
  EXPECT_FALSE(parse("1e2")->root().as_int64());
  EXPECT_EQ(*parse("-0")->root().as_int64(), 0);
}

TEST(Json, RealsAtTheEdges) {
  EXPECT_EQ(*parse("1.7976931348623157e308")->root().as_double(), 1.7976931348623157e308);
  EXPECT_EQ(*parse("5e-324")->root().as_double(), 5e-324);
  EXPECT_EQ(*parse("1e-999")->root().as_double(), 0.0);
  EXPECT_EQ(*parse("0." + std::string(400, '0') + "1")->root().as_double(), 0.0);
  EXPECT_TRUE(std::signbit(*parse("-1e-999")->root().as_double()));
  EXPECT_FALSE(parse("1e999"));
  EXPECT_FALSE(parse(std::string(400, '9')));
}

TEST(Json, StringsAndEscapes) {
  const auto text = [](std::string_view json) {
    const auto document = parse(json);
    EXPECT_TRUE(document) << json;
    return document ? std::string(*document->root().as_string()) : "";
  };
  EXPECT_EQ(text(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(text(R"("\u0041\u00e9\u20aC\ud83d\ude00")"), "Aé€😀");
  EXPECT_EQ(text(R"("a\u0000b")"), "a\0b"s);
  EXPECT_EQ(text("\"é\x7f\""), "é\x7f");
  for (int point = 0; point < 0x2100; ++point) {  // the writer's escapes read back
    std::string code;
    append_utf8(code, static_cast<char32_t>(point));
    EXPECT_EQ(text(json_quote(code)), code);
  }
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const std::string& bad : {""s,
                                 " "s,
                                 "{"s,
                                 "["s,
                                 "}"s,
                                 "[1"s,
                                 "[1,"s,
                                 "[1,]"s,
                                 "[,1]"s,
                                 "[1 2]"s,
                                 "{\"a\"}"s,
                                 "{\"a\":}"s,
                                 "{\"a\":1,}"s,
                                 "{,}"s,
                                 "{a:1}"s,
                                 "{\"a\":1 \"b\":2}"s,
                                 "{1:2}"s,
                                 "[1}"s,
                                 "{\"a\":1]"s,
                                 "1 2"s,
                                 "[] []"s,
                                 "nul"s,
                                 "True"s,
                                 "NaN"s,
                                 "Infinity"s,
                                 "-Infinity"s,
                                 "+1"s,
                                 "01"s,
                                 "-"s,
                                 "-01"s,
                                 "1."s,
                                 ".5"s,
                                 "1e"s,
                                 "1e+"s,
                                 "0x10"s,
                                 "1_000"s,
                                 "'a'"s,
                                 "\"a"s,
                                 "\"\n\""s,
                                 "\"\t\""s,
                                 "\"\0\""s,
                                 "\"\\\""s,
                                 "\"\\q\""s,
                                 "\"\\u12\""s,
                                 "\"\\u12g4\""s,
                                 "\"\\ud800\""s,
                                 "\"\\udc00\""s,
                                 "\"\\ud800\\u0041\""s,
                                 "\"\\ud800x\""s,
                                 "\"\\ud83d\\ud83d\""s,
                                 "/**/1"s,
                                 "1//x"s,
                                 "\0"s,
                                 "1\0"s,
                                 "\v1"s,
                                 "[\f]"s}) {
    const auto document = parse(bad);
    ASSERT_FALSE(document) << bad;
    EXPECT_EQ(document.error().id, ErrorId::malformed) << bad;
  }
  for (const char* bad : {"\xff", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xc3\""}) {
    EXPECT_EQ(parse(bad).error().id, ErrorId::not_utf8);
  }
  EXPECT_FALSE(parse("\xef\xbb\xbf{}"));  // byte order mark
}

TEST(Json, ErrorsNameTheByteInTheFile) {
  Ledger ledger{Limits()};
  EXPECT_EQ(JsonDocument::parse("[1, x]", ledger, 8).error().message,
            "JSON at byte 12: expected a value");
  EXPECT_EQ(JsonDocument::parse("[\"\xff\"]", ledger, 8).error().message,
            "JSON at byte 10: not UTF-8");
}

TEST(Json, RefusesDuplicateKeys) {
  EXPECT_FALSE(parse(R"({"a": 1, "a": 2})"));
  EXPECT_FALSE(parse(R"({"a": 1, "\u0061": 2})"));
  EXPECT_FALSE(parse(R"({"x": {"b": 1, "c": 2, "b": 3}})"));
  EXPECT_TRUE(parse(R"({"a": {"a": 1}, "b": {"a": 1}})"));
  std::string many = "{\"k0\": 0";
  for (int i = 1; i < 1000; ++i) many += ", \"k" + std::to_string(i) + "\": 0";
  EXPECT_TRUE(parse(many + "}"));
  const auto twice = parse(many + ", \"k500\": 0}");
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find("\"k500\" twice"), std::string::npos);
}

TEST(Json, FindsInLargeObjects) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) {
    text += (i ? ", \"" : "\"") + std::to_string(i * 7 % 1000) + "\": {\"n\": [" +
            std::to_string(i) + "]}";
  }
  const auto document = parse(text + "}");
  ASSERT_TRUE(document);
  for (int i = 0; i < 1000; ++i) {
    const auto found = document->root().find(std::to_string(i * 7 % 1000));
    ASSERT_TRUE(found);
    EXPECT_EQ(*(*(*found->get("n")).elements().begin()).as_int64(), i);
  }
  EXPECT_FALSE(document->root().find("1000").has_value());
  EXPECT_FALSE(document->root().find("").has_value());
}

TEST(Json, DepthIsBounded) {
  const auto nested = [](size_t depth) {
    return parse(std::string(depth, '[') + std::string(depth, ']'));
  };
  EXPECT_TRUE(nested(JsonDocument::kMaxDepth));
  EXPECT_EQ(nested(JsonDocument::kMaxDepth + 1).error().id, ErrorId::over_depth);
  EXPECT_EQ(parse(std::string(10'000'000, '[')).error().id, ErrorId::over_depth);
}

TEST(Json, MemoryIsCharged) {
  Limits limits;
  limits.memory = 1000;
  Ledger small(limits);
  EXPECT_EQ(JsonDocument::parse("[" + std::string(2000, ' ') + "1]", small).ok(), true);
  std::string many = "[0";
  for (int i = 0; i < 1000; ++i) many += ",0";
  EXPECT_EQ(JsonDocument::parse(many + "]", small).error().id, ErrorId::over_memory);
  Ledger text(limits);
  EXPECT_EQ(JsonDocument::parse("\"" + std::string(2000, 'a') + "\"", text).error().id,
            ErrorId::over_memory);
  limits.header = 4;
  Ledger short_header(limits);
  EXPECT_TRUE(JsonDocument::parse("[10]", short_header));
  EXPECT_EQ(JsonDocument::parse("[100]", short_header).error().id, ErrorId::over_size);
}

TEST(Json, WrongKindsAreNamed) {
  const auto document = parse("[\"a\"]");
  const Json root = document->root();
  EXPECT_EQ(root.as_int64().error().message,
            "expected an integer in the range of int64, found an array");
  EXPECT_EQ((*root.elements().begin()).as_double().error().message,
            "expected a number, found a string");
  EXPECT_EQ(root.get("k").error().message, "expected an object, found an array");
}

}  // namespace
}  // namespace hone
