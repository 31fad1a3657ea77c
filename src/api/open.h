// Opens a model of any format that hone reads.
#pragma once

#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "import/options.h"
#include "ir/model.h"

namespace hone {

struct OpenOptions {
  Limits limits;
  bool verify = false;  // compare the content with the hashes that the file records
  Links links = Links::refuse;
  MissingWeights missing = MissingWeights::refuse;
};

struct OpenedModel {
  Model model;
  std::string_view format;  // name of the importer
  uint64_t file_bytes = 0;
};

// Chooses the importer by content.
Result<OpenedModel> open_model_file(const std::string& path, const OpenOptions& options = {});
Result<Model> open_model(const std::string& path, const OpenOptions& options = {});

}  // namespace hone
