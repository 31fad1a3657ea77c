// Tests of the JSON writer, of log lines and of traces.
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <thread>

#include "base/json_writer.h"
#include "base/log.h"
#include "base/scratch_folder.h"
#include "base/trace.h"

namespace hone {
namespace {

using namespace std::string_literals;

TEST(JsonWriter, WritesAStableIndentedForm) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("name", "a\"b");
  json.member("n", int64_t{-3});
  json.member("big", UINT64_MAX);
  json.member("x", 0.1f);
  json.member("on", true);
  json.key("empty");
  json.begin_array();
  json.end_array();
  json.key("list");
  json.begin_array();
  json.value(1);
  json.null();
  json.begin_object();
  json.end_object();
  json.end_array();
  EXPECT_FALSE(json.done());
  json.end_object();
  EXPECT_TRUE(json.done());
  EXPECT_EQ(out, R"({
  "name": "a\"b",
  "n": -3,
  "big": 18446744073709551615,
  "x": 0.1,
  "on": true,
  "empty": [],
  "list": [
    1,
    null,
    {}
  ]
})");
}

TEST(JsonWriter, OneLine) {
  std::string out;
  JsonWriter json(out, 0);
  json.begin_object();
  json.member("a", 1);
  json.key("b");
  json.begin_array();
  json.value("x"s);
  json.value(2.0);
  json.end_array();
  json.end_object();
  EXPECT_EQ(out, R"({"a": 1, "b": ["x", 2.0]})");
}

TEST(JsonWriter, NumbersThatJsonLacksAreNull) {
  std::string out;
  JsonWriter json(out, 0);
  json.begin_array();
  json.value(std::numeric_limits<double>::quiet_NaN());
  json.value(-std::numeric_limits<float>::infinity());
  json.value(1e300);
  json.end_array();
  EXPECT_EQ(out, "[null, null, 1e+300]");
}

TEST(JsonWriter, EscapesControlAndWrongBytes) {
  EXPECT_EQ(json_quote("a\n\t\r\\\x01\x1b"), R"("a\n\t\r\\\u0001\u001b")");
  EXPECT_EQ(json_quote("\0"s), R"("\u0000")");
  EXPECT_EQ(json_quote("\xe2\x80\xae\xc2\x9b"), R"("\u202e\u009b")");
  EXPECT_EQ(json_quote("é\xff"), "\"é\xef\xbf\xbd\"");
}

TEST(JsonWriterDeathTest, ImpossibleOrderIsABug) {
  std::string out;
  EXPECT_DEATH(
      {
        JsonWriter json(out);
        json.begin_object();
        json.value(1);
      },
      "after_key_");
  EXPECT_DEATH(
      {
        JsonWriter json(out);
        json.begin_array();
        json.key("k");
      },
      "internal error");
  EXPECT_DEATH(
      {
        JsonWriter json(out);
        json.value(1);
        json.value(2);
      },
      "wrote_");
  EXPECT_DEATH(
      {
        JsonWriter json(out);
        json.begin_array();
        json.end_object();
      },
      "internal error");
}

TEST(Log, TextLines) {
  EXPECT_EQ(log_line(LogFormat::text, LogLevel::warn, 0, "cache is full",
                     {{"path", "/tmp/x y"}, {"bytes", 12u}, {"ratio", 0.5}, {"on", true}}),
            "hone: warning: cache is full path=\"/tmp/x y\" bytes=12 ratio=0.5 on=true");
  EXPECT_EQ(log_line(LogFormat::text, LogLevel::error, 0, "m", {{"name", "\x1b[31m"}, {"e", ""}}),
            "hone: error: m name=\\x1b[31m e=\"\"");
}

TEST(Log, JsonLines) {
  EXPECT_EQ(log_line(LogFormat::json, LogLevel::info, 1714557600.25, "loaded",
                     {{"file", "a\nb"}, {"n", -1}}),
            R"({"time": "2024-05-01T10:00:00.250Z", "level": "info", "message": "loaded", )"
            R"("file": "a\nb", "n": -1})");
}

TEST(Log, LevelsNamesAndFields) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::debug);
  EXPECT_EQ(parse_log_level("DEBUG"), std::nullopt);
  EXPECT_EQ(parse_log_format("json"), LogFormat::json);
  EXPECT_EQ(parse_log_format("xml"), std::nullopt);
  EXPECT_EQ(name(LogLevel::warn), "warn");
}

TEST(Log, WritesEnabledLevelsOnlyAndEvaluatesNothingElse) {
  int evaluated = 0;
  const auto count = [&] { return ++evaluated; };
  configure_log(LogLevel::info, LogFormat::text);
  testing::internal::CaptureStderr();
  LOG(debug, "hidden", {{"n", count()}});
  LOG(info, "shown", {{"n", count()}});
  LOG(note, "beyond what was asked");
  LOG(error, "plain");
  const std::string written = testing::internal::GetCapturedStderr();
  configure_log(LogLevel::note, LogFormat::text);
  EXPECT_EQ(written,
            "hone: info: shown n=1\nhone: note: beyond what was asked\nhone: error: plain\n");
  EXPECT_EQ(evaluated, 1);
}

TEST(Trace, WritesCompleteEvents) {
  Trace trace;
  trace.add({"mat\"mul", "op", 1'234'567, 89, 2, {{"node", 3}, {"kernel", "simple"}}});
  trace.add({"add", "op", 2'000'000, 1'000, 0, {}});
  EXPECT_EQ(trace.json(), R"({"displayTimeUnit": "ns", "traceEvents": [
{"name": "mat\"mul", "cat": "op", "ph": "X", "ts": 1234.567, "dur": 0.089, "pid": 1, "tid": 2, )"
                          R"("args": {"node": 3, "kernel": "simple"}},
{"name": "add", "cat": "op", "ph": "X", "ts": 2000.000, "dur": 1.000, "pid": 1, "tid": 0}
]}
)");
  ScratchFolder folder;
  ASSERT_TRUE(trace.write(folder / "trace.json"));
  EXPECT_EQ(folder.read("trace.json"), trace.json());
}

TEST(Trace, ScopesOfSeveralThreads) {
  Trace trace;
  {
    TraceScope none(nullptr, "x", "y");
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&trace] {
      for (int j = 0; j < 50; ++j) {
        TraceScope scope(&trace, "work", "test");
        scope.arg({"j", j});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto spans = trace.spans();
  ASSERT_EQ(spans.size(), 200u);
  std::array<int, 4> seen{};
  for (const TraceSpan& span : spans) {
    EXPECT_GE(span.duration_ns, 0);
    ++seen.at(static_cast<size_t>(span.thread));
  }
  for (const int count : seen) EXPECT_EQ(count, 50);
}

}  // namespace
}  // namespace hone
