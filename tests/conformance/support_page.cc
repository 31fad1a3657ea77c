#include "support_page.h"

#include <map>
#include <set>

#include "backends/backends.h"
#include "ops/catalogue.h"

namespace hone::conformance {
namespace {

struct Count {
  size_t passed = 0, failed = 0, skipped = 0;
  void add(const Row& r) {
    ++(!r.skipped.empty() ? skipped : !r.failure.empty() ? failed : passed);
  }
};

std::string cells(const Count& c) {
  return std::to_string(c.passed) + " | " + std::to_string(c.failed) + " | " +
         std::to_string(c.skipped) + " |\n";
}

}  // namespace

std::string support_page(const Report& report) {
  std::map<std::string, Count> suites, operators;
  std::map<std::string, std::vector<std::string>> skips;
  for (const Row& r : report.rows) {
    suites[r.suite].add(r);
    for (const std::string& op : r.operators) operators[op].add(r);
    if (!r.skipped.empty()) skips[r.skipped].push_back(r.name);
  }
  std::string page =
      "# Support\n\n"
      "Written by `hone_conformance --write docs/support.md`: the ONNX models of Debian's\n"
      "libonnx-testdata (opsets 1 to 17), each run as imported, after `clean` and lowered on "
      "every\n"
      "backend, and compared by the tolerances of ONNX's own runner (relative 1e-3, absolute "
      "1e-7).\n\n"
      "| suite | passed | failed | skipped |\n|---|---|---|---|\n";
  for (const auto& [suite, count] : suites) page += "| " + suite + " | " + cells(count);
  page += "\n## Skipped\n\n";
  for (const auto& [reason, names] : skips) {
    page += "- " + reason + ":";
    for (const std::string& name : names) page += " `" + name + "`";
    page += "\n";
  }
  page +=
      "\n## Operators\n\nModels that use the operator. An operator without models here is "
      "tested by the generic operator tests.\n\n"
      "| operator | passed | failed | skipped |\n|---|---|---|---|\n";
  for (const OpDef* op : standard_catalogue().all())
    page += "| " + std::string(op->name) + " | " + cells(operators[std::string(op->name)]);
  return page;
}

}  // namespace hone::conformance
