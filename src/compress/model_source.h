// The constants of a model as tensors to store in another way.
#pragma once

#include <memory>

#include "base/result.h"
#include "compress/quantize.h"
#include "compress/tensor_source.h"
#include "ir/model.h"

namespace hone::compress {

// Named constants of f32, dense or in blocks. The model must outlive it and keep its constants.
Result<std::unique_ptr<TensorSource>> model_source(const Model& model);

// Stores the constants of a model in other formats; those that change lie in memory then.
// `progress`, `importance` and `dry_run` of the options are heeded, `split_bytes` is not.
Result<QuantizeReport> quantize_model(Model& model, const QuantizeOptions& options,
                                      const Limits& limits, ThreadPool& pool);

}  // namespace hone::compress
