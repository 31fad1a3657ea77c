// Fuzzes the files of benchmark suites: cases that are read have a name of their own and can be
// made.
#include <set>

#include "measure/operator_model.h"
#include "measure/suites.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hone;
  const auto suite = measure::parse_suite(fuzz::text(data, size), "f.yaml", "folder");
  fuzz::require_clean(suite);
  if (!suite) return 0;
  std::set<std::string> names;
  for (const measure::SuiteCase& c : suite->cases) {
    fuzz::require(names.insert(c.name).second);
    fuzz::require(c.op.empty() != c.model.empty());
    if (!c.op.empty()) fuzz::require(measure::check_operator(c.op, c.dims).ok());
  }
  return 0;
}
