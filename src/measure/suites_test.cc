// Suites: what is built in parses, and what is wrong in a file is told by line and key.
#include "measure/suites.h"

#include <gtest/gtest.h>

#include "base/scratch_folder.h"

namespace hone::measure {
namespace {

const std::string kHead = "schema: 1\nid: mine\nname: My suite\n";

std::string refusal(const std::string& text) {
  const auto suite = parse_suite(text, "f.yaml", "");
  if (suite) return "";
  EXPECT_EQ(suite.error().id, ErrorId::bad_suite);
  return suite.error().message;
}
std::string case_refusal(const std::string& line) { return refusal(kHead + "cases:\n" + line); }

void expect_in(const std::string& message, std::string_view part) {
  EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' in:\n" << message;
}

TEST(Suites, EveryBuiltInSuiteIsSound) {
  EXPECT_GE(built_in_suites().size(), 4u);
  for (const BuiltInSuite& built_in : built_in_suites()) {
    const auto suite = find_suite(std::string(built_in.id));
    ASSERT_TRUE(suite.ok()) << suite.error().message;
    EXPECT_EQ(suite->id, built_in.id);
    EXPECT_FALSE(suite->cases.empty());
    EXPECT_NE(suite_names().find(built_in.id), std::string_view::npos);
  }
}

TEST(Suites, EveryKeyIsRead) {
  const auto suite =
      parse_suite(kHead +
                      "notes: some\nseconds: 0.5\nrounds: 7\nengines: [hone, hone-compiled]\n"
                      "threads: [1, 2]\ncases:\n  - op: gemm\n    dims: [1x2x3, 4x5x6]\n"
                      "  - model: m.onnx\n    bind: {N: 4}\n  - {model: /m.onnx, name: other}\n",
                  "f.yaml", "dir");
  ASSERT_TRUE(suite.ok()) << suite.error().message;
  EXPECT_EQ(suite->name, "My suite");
  EXPECT_EQ(suite->seconds, 0.5);
  EXPECT_EQ(suite->rounds, 7);
  EXPECT_EQ(suite->engines, (std::vector<std::string>{"hone", "hone-compiled"}));
  EXPECT_EQ(suite->threads, (std::vector<int>{1, 2}));
  ASSERT_EQ(suite->cases.size(), 4u);
  EXPECT_EQ(suite->cases[1].name, "gemm 4x5x6");
  EXPECT_EQ(suite->cases[1].dims, "4x5x6");
  EXPECT_EQ(suite->cases[2].model, "dir/m.onnx");
  EXPECT_EQ(suite->cases[2].bind.at("N"), 4);
  EXPECT_EQ(suite->cases[3].model, "/m.onnx");
  EXPECT_EQ(suite->cases[3].name, "other");
}

TEST(Suites, FaultsAreAllTold) {
  const std::string all = refusal("schema: 2\nid: My\nrunds: 3\nseconds: soon\nthreads: 1\n");
  expect_in(all, "f.yaml:1: name: is missing");
  expect_in(all, "f.yaml:1: cases: is missing");
  expect_in(all, "f.yaml:1: schema: expected a whole number from 1 to 1");
  expect_in(all, "f.yaml:2: id: expected a word");
  expect_in(all, "f.yaml:3: runds: there is no such key; did you mean rounds?");
  expect_in(all, "f.yaml:4: seconds: expected a number from 0.001 to 3600 seconds");
  expect_in(all, "f.yaml:5: threads: expected a list: [1, 2]");
  expect_in(refusal("[1]"), "expected `key: value` lines");
  expect_in(refusal(kHead + "engines: [hne]\ncases: [{model: m}]\n"),
            "f.yaml:4: engines: there is no such engine; did you mean hone?");
  expect_in(refusal("a: &x 1\nb: *x\n"), "f.yaml:1");
}

TEST(Suites, FaultsOfCases) {
  expect_in(case_refusal("  - op: gemm\n    dims: [1x2]\n"), "f.yaml:6: cases[0].dims");
  expect_in(case_refusal("  - op: gemm\n    dims: [1x2]\n"), "MxNxK");
  expect_in(case_refusal("  - {op: gem, dims: [1x2]}\n"), "takes no 'gem'");
  expect_in(case_refusal("  - {op: gemm}\n"), "cases[0].dims: is missing");
  expect_in(case_refusal("  - {dims: [1]}\n"), "expected either op or model");
  expect_in(case_refusal("  - {op: add, dims: [3], model: m}\n"), "expected either op or model");
  expect_in(case_refusal("  - {op: add, dims: [3], name: x}\n"), "is for models only");
  expect_in(case_refusal("  - {model: m, dims: [3]}\n"), "is for operators only");
  expect_in(case_refusal("  - {model: m, bind: {N: 0}}\n"), "cases[0].bind.N: expected a whole");
  expect_in(case_refusal("  - {op: add, dims: [3, 3]}\n"), "'add 3' stands twice");
  expect_in(case_refusal("  - soon\n"), "cases[0]: expected an operator");
  expect_in(refusal(kHead + "cases: []\n"), "expected a list");
}

TEST(Suites, NamesAndPaths) {
  const auto none = find_suite("operatrs");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().id, ErrorId::unknown_suite);
  expect_in(none.error().hint, "did you mean operators?");
  const ScratchFolder folder;
  const std::string path = folder.write("a.yaml", kHead + "cases: [{model: m.onnx}]\n");
  const auto suite = find_suite(path);
  ASSERT_TRUE(suite.ok()) << suite.error().message;
  EXPECT_EQ(suite->cases[0].model, folder / "m.onnx");
  EXPECT_EQ(find_suite(folder / "none.yaml").error().id, ErrorId::not_found);
}

}  // namespace
}  // namespace hone::measure
