// The importance of a language model's weights, measured on a text.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/importance.h"
#include "ir/model.h"

namespace hone::compress {

struct ImportanceOptions {
  int64_t chunk = 512;         // tokens that are run together, each chunk from an empty cache
  std::vector<int32_t> begin;  // in front of every chunk, counted in it: bos
  std::function<void(size_t tokens, size_t all)> progress = {};
};

// Runs the tokens through the model and adds up the squares of what its products with constants
// take. Best of a model that multiplies real numbers (LanguageOptions::byte_rows off). Fails with
// `unsupported_feature` where the model is no language model, `bad_data` without tokens.
Result<Importance> measure_importance(Model model, std::span<const int32_t> tokens,
                                      const ImportanceOptions& options, const Limits& limits,
                                      ThreadPool& pool);

}  // namespace hone::compress
