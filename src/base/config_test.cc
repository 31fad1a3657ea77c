// Tests of settings: types, precedence, what untrusted files may do, and printing.
#include "base/config.h"

#include <gtest/gtest.h>

#include <set>

#include "base/json_writer.h"
#include "base/scratch_folder.h"

namespace hone {
namespace {

using namespace std::string_literals;

// The message of the refusal, empty when the text is accepted.
std::string refusal(std::string_view text, ConfigTrust trust = ConfigTrust::user) {
  Config config;
  const std::string before = config.show();
  const Status status = config.load_text(text, "hone.yaml", trust);
  if (status) return "";
  EXPECT_EQ(status.error().id, ErrorId::bad_config);
  EXPECT_EQ(config.show(), before) << "a refused file changed a value";
  return status.error().message;
}

TEST(Config, DefaultsAreTheLimitsAndTheTable) {
  const Config config;
  EXPECT_EQ(config.text("log.level"), "note");
  EXPECT_EQ(config.integer("threads"), 0);
  EXPECT_EQ(config.bytes("cache.max_bytes"), 10'000'000'000u);
  EXPECT_EQ(config.source("threads"), "default");
  const Limits limits = config.limits(), initial;
  for (const LimitInfo& limit : all_limits()) {
    EXPECT_EQ(limits.*limit.field, initial.*limit.field) << limit.name;
  }
  std::set<std::string_view> keys;
  for (const SettingInfo& info : all_settings()) {
    EXPECT_TRUE(keys.insert(info.key).second) << info.key;
    EXPECT_FALSE(info.doc.empty());
  }
}

TEST(Config, EachSourceOverridesTheOneBefore) {
  Config config;
  ASSERT_TRUE(config.load_text("threads: 2\nlog:\n  level: info\ncolor: never\n", "hone.yaml",
                               ConfigTrust::user));
  const char* const environment[] = {
      "PATH=/bin",     "HONE_THREADS=3",          "HONE_LOG_LEVEL=debug",
      "HONE_CONFIG=x", "HONE_LIMITS_MEMORY=2GiB", nullptr};
  ASSERT_TRUE(config.load_environment(environment));
  ASSERT_TRUE(config.set("threads", "4", "--threads"));
  EXPECT_EQ(config.integer("threads"), 4);
  EXPECT_EQ(config.source("threads"), "--threads");
  EXPECT_EQ(config.text("log.level"), "debug");
  EXPECT_EQ(config.source("log.level"), "environment HONE_LOG_LEVEL");
  EXPECT_EQ(config.text("color"), "never");
  EXPECT_EQ(config.source("color"), "hone.yaml:4");
  EXPECT_EQ(config.limits().memory, uint64_t{2} << 30);
  EXPECT_EQ(config.source("backend"), "default");
}

TEST(Config, ReadsYamlAndJsonAlike) {
  for (const char* text :
       {"cache:\n  dir: /tmp/x y\n  max_bytes: 5MB\nthreads: 7\n",
        "cache.dir: \"/tmp/x y\"\ncache.max_bytes: '5MB'\nthreads: 7",
        R"({"cache": {"dir": "/tmp/x y", "max_bytes": 5000000}, "threads": 7})"}) {
    Config config;
    const Status status = config.load_text(text, "f", ConfigTrust::user);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_EQ(config.text("cache.dir"), "/tmp/x y");
    EXPECT_EQ(config.bytes("cache.max_bytes"), 5'000'000u);
    EXPECT_EQ(config.integer("threads"), 7);
  }
  EXPECT_EQ(refusal(""), "");
  EXPECT_EQ(refusal("# nothing\n"), "");
  EXPECT_EQ(refusal("log:\n"), "");
  EXPECT_EQ(refusal("{}"), "");
}

TEST(Config, UnknownKeysNameTheNearestOne) {
  EXPECT_EQ(refusal("color: auto\nthread: 2\n"),
            "hone.yaml:2: there is no setting thread; did you mean threads?");
  EXPECT_EQ(refusal("log:\n  levle: info\n"),
            "hone.yaml:2: there is no setting log.levle; did you mean log.level?");
  EXPECT_EQ(refusal("entirely: different\n"), "hone.yaml:1: there is no setting entirely");
  EXPECT_EQ(refusal("entirely:\n"), "hone.yaml:1: there is no setting entirely");
  EXPECT_EQ(refusal("log: info\n"), "hone.yaml:1: there is no setting log");
  EXPECT_EQ(refusal("threads:\n  a: 1\n"),
            "hone.yaml:2: there is no setting threads.a; did you mean threads?");
  EXPECT_EQ(refusal("\"\\e[31m\": 1\n"), "hone.yaml:1: there is no setting \\x1b[31m");
}

TEST(Config, WrongTypesNameLineAndExpectation) {
  EXPECT_EQ(refusal("\nthreads: many\n"),
            "hone.yaml:2: threads takes a whole number from 0 to 1024, not \"many\"");
  EXPECT_EQ(refusal("threads: \"2\"\n"),
            "hone.yaml:1: threads takes a whole number from 0 to 1024, not a quoted text");
  EXPECT_EQ(refusal("threads: [2]\n"),
            "hone.yaml:1: threads takes a whole number from 0 to 1024, not a list");
  EXPECT_EQ(refusal("threads:\n"),
            "hone.yaml:1: threads takes a whole number from 0 to 1024, not nothing");
  EXPECT_EQ(refusal("log.level: loud\n"),
            "hone.yaml:1: log.level takes one of error|warn|note|info|debug, not \"loud\"");
  EXPECT_EQ(refusal("cache.max_bytes: -1\n"),
            "hone.yaml:1: cache.max_bytes takes a size such as 512MB, not \"-1\"");
  for (const char* text : {"threads: 1.0", "threads: -1", "threads: 1025", "threads: 0x10",
                           "threads: 99999999999999999999", "threads: !!int 2", "limits.nodes: 1MB",
                           "log.level: \"\"", "log.level: error|warn", "cache.dir: \"a\\0b\""}) {
    EXPECT_NE(refusal(text), "") << text;
  }
  EXPECT_EQ(refusal("threads: 1024"), "");
}

TEST(Config, MalformedFilesAreRefused) {
  EXPECT_EQ(refusal("threads: 1\nthreads: 2\n"), "hone.yaml:2: the key threads stands twice");
  EXPECT_EQ(refusal("log: {level: info}\nlog.level: warn\n"),
            "hone.yaml:2: the key log.level stands twice");
  for (const std::string& text :
       {"- 1\n"s, "text"s, "a: b: c"s, "{"s, "\"open"s, "threads: 1\n---\nthreads: 2\n"s, "[1]: 2"s,
        "\xff: 1"s, "threads: *missing"s, "? {a: b}\n: c\n"s, std::string(60000, '['),
        std::string(60000, '{')}) {
    EXPECT_NE(refusal(text), "") << text.substr(0, 40);
  }
  std::string bomb = "a0: &a0 {x: 1}\n";
  for (int i = 1; i < 30; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " {";
    for (int j = 0; j < 9; ++j) bomb += "k" + std::to_string(j) + ": " + last + ", ";
    bomb += "}\n";
  }
  EXPECT_NE(refusal(bomb), "");  // and soon
}

TEST(Config, FilesBesideModelsMayOnlyTighten) {
  const auto folder = ConfigTrust::model_folder;
  EXPECT_EQ(refusal("limits:\n  memory: 1MB\n  nodes: 10\n", folder), "");
  EXPECT_EQ(refusal("limits.memory: 1GiB", folder), "");  // equal
  EXPECT_EQ(
      refusal("limits.memory: 1073741825", folder),
      "hone.yaml:1: a file beside a model may lower limits.memory below 1GiB, not raise it to "
      "1073741825");
  EXPECT_NE(refusal("limits.nodes: 4000001", folder), "");
  EXPECT_EQ(refusal("limits.nodes: 4000001"), "");
  EXPECT_EQ(refusal("backend: reference", folder), "");
  EXPECT_EQ(refusal("cache.dir: /etc", folder),
            "hone.yaml:1: a file beside a model may not set cache.dir");
  EXPECT_NE(refusal("log.level: error", folder), "");
  EXPECT_NE(refusal("threads: 1000", folder), "");
  Config config;  // what the user tightened stays
  ASSERT_TRUE(config.set("limits.memory", "1MB", "--limits"));
  EXPECT_FALSE(config.load_text("limits.memory: 2MB", "f", folder));
  EXPECT_TRUE(config.load_text("limits.memory: 512kB", "f", folder));
  EXPECT_EQ(config.limits().memory, 512'000u);
}

TEST(Config, EnvironmentIsChecked) {
  const auto load = [](const char* variable) {
    const char* const environment[] = {variable, nullptr};
    const Status status = Config().load_environment(environment);
    return status ? "" : status.error().message;
  };
  EXPECT_EQ(load("HONE_THREADS=5"), "");
  EXPECT_EQ(load("HONEY=1"), "");
  EXPECT_EQ(load("HONE_THREAD=5"),
            "environment: there is no setting HONE_THREAD; did you mean HONE_THREADS?");
  EXPECT_EQ(load("HONE_THREADS=x"),
            "environment HONE_THREADS: threads takes a whole number from 0 to 1024, not \"x\"");
  EXPECT_TRUE(Config().load_environment(nullptr));
}

TEST(Config, FlagsAreChecked) {
  Config config;
  EXPECT_EQ(config.set("colour", "auto", "--set").error().message,
            "--set: there is no setting colour; did you mean color?");
  EXPECT_EQ(config.set("color", "red", "--color").error().message,
            "--color: color takes one of auto|always|never, not \"red\"");
  EXPECT_EQ(config.text("color"), "auto");
}

TEST(Config, ShowsValuesWithSources) {
  Config config;
  ASSERT_TRUE(config.set("threads", "3", "--threads"));
  const std::string shown = config.show();
  EXPECT_NE(shown.find("log.level = note  # default\n"), std::string::npos);
  EXPECT_NE(shown.find("threads = 3  # --threads\n"), std::string::npos);
  EXPECT_NE(shown.find("cache.dir = \"\"  # default\n"), std::string::npos);
  EXPECT_NE(shown.find("limits.memory = 1GiB  # default\n"), std::string::npos);
  std::string text;
  JsonWriter json(text, 0);
  config.write_json(json);
  EXPECT_NE(text.find(R"("threads": {"value": 3, "source": "--threads"})"), std::string::npos);
}

TEST(Config, TemplateLoadsWithAndWithoutItsComments) {
  const std::string text = Config::file_template();
  EXPECT_EQ(refusal(text), "");
  // Taking the marks off every setting gives the defaults, each with the file as its source.
  std::string active;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    const size_t mark = line.find("# ");
    const size_t colon = line.find(": ");
    if (mark != std::string::npos && colon != std::string::npos &&
        line.find(' ', mark + 2) == colon + 1) {
      line.erase(mark, 2);
    }
    active += line + "\n";
  }
  Config config;
  const Status status = config.load_text(active, "template", ConfigTrust::user);
  ASSERT_TRUE(status) << status.error().message << active;
  for (const SettingInfo& info : all_settings()) {
    EXPECT_TRUE(config.source(info.key).starts_with("template:")) << info.key;
  }
  EXPECT_EQ(config.limits().memory, Limits().memory);
  EXPECT_EQ(config.limits().iterations, Limits().iterations);
}

TEST(Config, FilesAreReadFromDisk) {
  ScratchFolder folder;
  Config config;
  EXPECT_TRUE(config.load_file(folder.write("hone.json", R"({"threads": 9})"), ConfigTrust::user));
  EXPECT_EQ(config.integer("threads"), 9);
  EXPECT_EQ(config.load_file(folder / "none", ConfigTrust::user).error().id, ErrorId::not_found);
  EXPECT_EQ(
      config.load_file(folder.write("big", std::string(65537, '\n')), ConfigTrust::user).error().id,
      ErrorId::bad_config);
}

}  // namespace
}  // namespace hone
