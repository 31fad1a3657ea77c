// `--check DIR`: recorded inputs and outputs, and how far a run is from them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "base/result.h"
#include "cli/output.h"
#include "hone/hone.h"

namespace hone::cli {

// One folder, read.
struct CheckCase {
  std::string folder;
  std::vector<v1::Value> inputs;  // one for each input of the model
  struct Expected {
    size_t output = 0;
    v1::Value value;
  };
  std::vector<Expected> outputs;
};

struct CheckReport {
  struct Line {
    std::string output;  // name
    v1::Comparison comparison;
  };
  std::string folder;
  std::vector<Line> lines;
  bool passed = true;
  std::optional<Error> error;  // why it could not be checked
};

// The folders to check: `path` itself, or the test_data_set_* folders in it.
Result<std::vector<std::string>> check_folders(const std::string& path);
// Reads input_X.pb|npy and output_X.pb|npy, where X is a name or a position.
Result<CheckCase> read_check(const v1::Model& model, const v1::Description& description,
                             const std::string& folder);
CheckReport compare_check(const v1::Description& description, const CheckCase& expected,
                          const std::vector<v1::Value>& outputs, const v1::Tolerance& tolerance);

std::string text_of(const CheckReport& report, const Style& style);
void write_json(JsonWriter& json, const CheckReport& report);

}  // namespace hone::cli
