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
  LanguageOptions language = {};
};

struct OpenedModel {
  Model model;
  std::string_view format;  // name of the importer
  uint64_t file_bytes = 0;  // of a folder: of the files that the model lies in
};

// Chooses the importer by content; a folder is read by the config.json in it. Where there is no
// file of that name, it may be that of a shape (api/shapes.h).
Result<OpenedModel> open_model_file(const std::string& path, const OpenOptions& options = {});
Result<Model> open_model(const std::string& path, const OpenOptions& options = {});

}  // namespace hone
