// Benchmark suites: lists of what is measured together, and how. Those of data/suites are part of
// the program; others are files.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::measure {

struct SuiteCase {
  std::string name;                     // in reports and samples
  std::string op, dims;                 // of a single operator; else:
  std::string model;                    // a path
  std::map<std::string, int64_t> bind;  // sizes of its symbols
};

struct Suite {
  std::string id, name, notes;
  std::string text;      // of the file: what a suite that goes on is told by
  double seconds = 0.3;  // of a visit
  int rounds = 5;
  std::vector<std::string> engines{"hone"};
  std::vector<int> threads;  // empty: as the command says
  std::vector<SuiteCase> cases;
};

inline constexpr size_t kMostSuiteFile = 1 << 20;  // bytes
inline constexpr int kSuiteSchema = 1;

// Strict. `file` is what messages call the text; models lie where `folder` says, "" for the working
// folder. Fails with `bad_suite` ("FILE:LINE: KEY: what", a line for each fault): keys that are
// unknown, missing or of the wrong type, operators and sizes that do not fit, cases that stand
// twice.
Result<Suite> parse_suite(std::string_view text, std::string_view file, const std::string& folder);

// A file of data/suites, as it was when hone was built.
struct BuiltInSuite {
  std::string_view id, text;
  std::string file() const { return "data/suites/" + std::string(id) + ".yaml"; }
};
std::span<const BuiltInSuite> built_in_suites();
// "a|b|c", for shells.
std::string_view suite_names();

// By name or path (with `/`, or ending in .yaml or .yml). Fails with `unknown_suite` and the
// nearest name.
Result<Suite> find_suite(const std::string& name);

}  // namespace hone::measure
