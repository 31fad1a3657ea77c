// One test of the conformance suite: a model with recorded inputs and outputs.
#pragma once

#include <string>
#include <vector>

namespace hone::conformance {

struct Row {
  std::string suite, name;
  std::vector<std::string> operators;  // of the imported model, distinct, sorted
  std::string skipped;                 // the reason; empty when run
  std::string failure;                 // empty when it passed
};

struct Report {
  std::vector<Row> rows;
  size_t failed() const;
  size_t skipped() const;
};

// Imports and runs the model of `folder`; fills in operators and failure.
void run_test(const std::string& folder, Row& row);

}  // namespace hone::conformance
