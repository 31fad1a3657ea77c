// Golden files: each *.ir below this folder holds how to run it, the input, and what must come out.
//
//   // run: PIPELINE      passes to run; `none` for parsing and printing alone
//   // error: CODE        or: reading (or with a `run` line, running) fails with this code
//   … the model …
//   // ----
//   … the printed result, or the error's message …
//
// `hone_golden --bless` rewrites the part below the line; read it before it is committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"

namespace hone {
namespace {

constexpr std::string_view kLine = "// ----\n";

struct Golden {
  std::filesystem::path path;
  std::string pipeline, error;  // error: the code that is expected, or ""
  std::string input, expected;  // input includes the lines that say how to run
};

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The text behind `// key:` at the start of a line of the input.
std::string field(const std::string& input, const std::string& key) {
  const std::string start = "// " + key + ": ";
  size_t at = input.starts_with(start) ? 0 : input.find("\n" + start);
  if (at == std::string::npos) return "";
  at = input.find(start, at) + start.size();
  return input.substr(at, input.find('\n', at) - at);
}

Golden read_golden(const std::filesystem::path& path) {
  Golden g;
  g.path = path;
  const std::string text = read_text(path);
  const size_t line = text.find(kLine);
  g.input = text.substr(0, line);
  if (line != std::string::npos) g.expected = text.substr(line + kLine.size());
  g.pipeline = field(g.input, "run");
  g.error = field(g.input, "error");
  return g;
}

// What the passes printed, with a failed invariant as text.
std::string verified(const Model& model) {
  const auto status = verify(model, standard_catalogue(), Phase::import);
  return status ? "" : "// " + status.error().message + "\n";
}

Result<std::string> run(const Golden& g) {
  Model model = TRY(parse_model_text(g.input, standard_catalogue(), Limits{}));
  if (g.pipeline.empty() || g.pipeline == "none") return print(model) + verified(model);
  PipelineOptions options;
  options.verify_each = true;
  TRY(run_pipeline(model, g.pipeline, standard_catalogue(), Limits{}, options));
  return print(model) + verified(model);
}

class GoldenFile : public ::testing::Test {
 public:
  GoldenFile(std::filesystem::path path, bool bless) : path_(std::move(path)), bless_(bless) {}

  void TestBody() override {
    const Golden g = read_golden(path_);
    ASSERT_FALSE(g.pipeline.empty() && g.error.empty()) << "no `// run:` and no `// error:` line";
    const auto result = run(g);
    std::string code = result ? "" : std::string(info(result.error().id).code);
    EXPECT_EQ(code, g.error) << (result ? *result : describe(result.error()));
    std::string actual = result ? *result : commented(describe(result.error()));
    if (bless_) {
      std::ofstream(path_, std::ios::binary) << g.input << kLine << actual;
      return;
    }
    EXPECT_EQ(actual, g.expected);
    if (!result) return;
    // What was printed reads back as what was printed.
    const auto again = parse_model_text(*result, standard_catalogue(), Limits{});
    ASSERT_TRUE(again.ok()) << describe(again.error());
    EXPECT_EQ(print(*again) + verified(*again), *result);
  }

 private:
  static std::string commented(const std::string& text) {
    std::istringstream lines(text);
    std::string out, line;
    while (std::getline(lines, line)) out += "// " + line + "\n";
    return out;
  }
  std::filesystem::path path_;
  bool bless_;
};

// One test for each file; its name is the path.
size_t register_all(const std::filesystem::path& folder, bool bless) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".ir") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    const auto relative = std::filesystem::relative(path, folder);
    ::testing::RegisterTest(
        relative.parent_path().string().c_str(), relative.stem().string().c_str(), nullptr, nullptr,
        path.string().c_str(), 1, [=]() -> GoldenFile* { return new GoldenFile(path, bless); });
  }
  return paths.size();
}

}  // namespace
}  // namespace hone

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const bool bless = argc > 1 && std::string_view(argv[1]) == "--bless";
  if (hone::register_all(HONE_GOLDEN_FOLDER, bless) == 0) {
    std::cerr << "no golden files below " << HONE_GOLDEN_FOLDER << "\n";
    return 1;
  }
  return RUN_ALL_TESTS();
}
