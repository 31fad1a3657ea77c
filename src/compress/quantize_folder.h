// Language models of Hugging Face folders as GGUF files.
#pragma once

#include <string>

#include "compress/quantize.h"
#include "import/options.h"

namespace hone::compress {

// A decoder-only language model with its tokenizer; `input` is the folder, or the config.json in
// it. `unsupported_feature` for other models, and for what GGUF files cannot say. `output` may be
// empty for a dry run. What has to be said of the tokenizer goes to `warnings`.
Result<QuantizeReport> quantize_folder(const std::string& input, const std::string& output,
                                       const QuantizeOptions& options,
                                       const ImportOptions& import_options, ThreadPool& pool,
                                       std::vector<std::string>& warnings);

}  // namespace hone::compress
