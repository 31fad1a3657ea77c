// A language model opened, compiled and ready to take steps.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/open.h"
#include "hone/hone.h"
#include "text/engine/engine.h"
#include "text/tokenizer/tokenizer.h"

namespace hone {

struct LanguageModelOptions {
  OpenOptions open = {};
  v1::CompileOptions compile = {};
  EngineOptions engine = {};
  bool tokenizer = false;  // reads the model's own, too
};

struct LanguageModel {
  std::shared_ptr<ThreadPool> pool;
  std::shared_ptr<const Program> program;
  Engine engine;
  std::optional<Tokenizer> tokenizer;
};

// Fails with `unsupported_feature` where the file holds something else.
Result<LanguageModel> open_language_model(const std::string& path,
                                          const LanguageModelOptions& options);

}  // namespace hone
