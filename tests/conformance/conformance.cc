// Runs the ONNX models of Debian's libonnx-testdata on all backends and writes docs/support.md.
//
//   hone_conformance [--data DIR] [--filter TEXT] [--verbose] [--write FILE] [--check FILE]
//
// Each model is imported, printed and parsed back, run as it is and run after `clean`; outputs are
// compared with the recorded ones by the tolerances of ONNX's own runner. Exits 0 when nothing is
// wrong and at most 3 % are skipped.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "backends/backends.h"
#include "base/error.h"
#include "base/text.h"
#include "ops/catalogue.h"
#include "runner.h"
#include "support_page.h"

namespace hone::conformance {
namespace {

namespace fs = std::filesystem;

constexpr const char* kData = "/usr/lib/python3/dist-packages/onnx/backend/test/data";
constexpr const char* kSuites[] = {"node", "pytorch-converted", "pytorch-operator", "simple"};
constexpr double kMaxSkipped = 0.03;

struct Options {
  std::string data = kData, filter, write, check;
  bool verbose = false;
};

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    std::string* text = flag == "--data"     ? &o.data
                        : flag == "--filter" ? &o.filter
                        : flag == "--write"  ? &o.write
                        : flag == "--check"  ? &o.check
                                             : nullptr;
    if (text && i + 1 < argc)
      *text = argv[++i];
    else if (flag == "--verbose")
      o.verbose = true;
  }
  return o;
}

// "test_bernoulli*: reason" lines; the reason of the first that matches.
class Skips {
 public:
  explicit Skips(const std::string& file) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      if (line.empty() || line[0] == '#') continue;
      const size_t colon = line.find(": ");
      rules_.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
  }
  std::string reason(const std::string& test) const {
    for (const auto& [pattern, why] : rules_) {
      const bool prefix = pattern.back() == '*';
      const std::string stem = prefix ? pattern.substr(0, pattern.size() - 1) : pattern;
      if (prefix ? test.starts_with(stem) : test == stem) return why;
    }
    return {};
  }

 private:
  std::vector<std::pair<std::string, std::string>> rules_;
};

int run(const Options& options) {
  if (!fs::exists(options.data)) {
    std::printf("skipped: %s is absent (package libonnx-testdata)\n0 passed, 0 failed\n",
                options.data.c_str());
    return 0;
  }
  const Skips skips(HONE_CONFORMANCE_SKIPS);
  Report report;
  for (const char* suite : kSuites) {
    std::vector<fs::path> tests;
    for (const auto& entry : fs::directory_iterator(fs::path(options.data) / suite))
      if (fs::exists(entry.path() / "model.onnx")) tests.push_back(entry.path());
    std::sort(tests.begin(), tests.end());
    for (const fs::path& test : tests) {
      const std::string name = test.filename();
      if (name.find(options.filter) == std::string::npos) continue;
      Row row{suite, name, {}, skips.reason(name), {}};
      if (row.skipped.empty()) run_test(test.string(), row);
      if (!row.failure.empty())
        std::printf("FAILED %s/%s: %s\n", suite, name.c_str(), row.failure.c_str());
      else if (options.verbose)
        std::printf("%s %s/%s\n", row.skipped.empty() ? "ok" : "skipped", suite, name.c_str());
      report.rows.push_back(std::move(row));
    }
  }
  const size_t failed = report.failed(), skipped = report.skipped();
  int status = failed > 0 ? 1 : 0;
  if (options.filter.empty() && double(skipped) > kMaxSkipped * double(report.rows.size())) {
    std::printf("more than 3 %% are skipped\n");
    status = 1;
  }
  const std::string page = support_page(report);
  if (!options.write.empty()) std::ofstream(options.write) << page;
  if (!options.check.empty()) {
    std::ifstream in(options.check);
    const std::string now((std::istreambuf_iterator<char>(in)), {});
    if (now != page) {
      std::printf("%s is out of date: make it again with `hone_conformance --write FILE`\n",
                  options.check.c_str());
      status = 1;
    }
  }
  std::printf("%zu passed, %zu failed, %zu skipped\n", report.rows.size() - failed - skipped,
              failed, skipped);
  return status;
}

}  // namespace
}  // namespace hone::conformance

int main(int argc, char** argv) {
  return hone::conformance::run(hone::conformance::parse(argc, argv));
}
