// Stores tensors in other formats, and says what that costs each of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/importance.h"
#include "compress/mixes.h"
#include "compress/tensor_source.h"
#include "formats/byte_sink.h"
#include "formats/gguf_writer.h"

namespace hone::compress {

// Between the elements of a tensor and what its blocks decode to. Sums are the same for any number
// of threads.
struct TensorErrors {
  double rms = 0;       // root of the mean square
  double most = 0;      // greatest magnitude
  double relative = 0;  // root of squared errors over squares
  double cosine = 1;
};

struct TensorReport {
  std::string name;
  std::vector<int64_t> extents;
  std::string from, to;       // equal where it is copied
  std::string fallback_from;  // the format that was meant, where rows are not whole blocks of it
  uint64_t bytes_before = 0, bytes_after = 0;
  bool weighted = false;  // by an importance
  TensorErrors errors;    // zeros where it is copied

  int64_t elements() const;
  double bits_per_weight() const;
};

struct QuantizeReport {
  std::vector<TensorReport> tensors;
  std::vector<std::string> files;
  uint64_t bytes_before = 0, bytes_after = 0;  // of tensors
  int64_t elements = 0;
  double bits_per_weight() const;
};

struct QuantizeOptions {
  PlanOptions plan;
  const Importance* importance = nullptr;
  bool dry_run = false;  // sizes only; nothing is read or written
  uint64_t split_bytes = 0;
  std::function<void(const std::string& tensor, size_t done, size_t all)> progress = {};
};

// What is planned for each tensor, with its report before anything is converted.
struct PlannedReport {
  std::vector<PlannedTensor> tensors;
  std::vector<const std::vector<float>*> weights;  // of importance; null without
  QuantizeReport report;
};
Result<PlannedReport> plan_report(const TensorSource& source, const QuantizeOptions& options);

// One tensor to a sink, and the errors. A tensor with numbers that are not finite cannot be stored
// in blocks and is refused.
Result<TensorErrors> convert(const TensorSource& source, size_t tensor, const Format& format,
                             const std::vector<float>* importance, ThreadPool& pool,
                             const ByteSink& sink);

// Fails with `unsupported_feature` where GGUF files cannot hold what is planned.
Status check_formats(const std::vector<PlannedTensor>& planned,
                     const std::vector<NamedTensor>& tensors);
// What is planned for the tensors of a source, as a GGUF file with this metadata.
Result<QuantizeReport> write_quantized(const TensorSource& source, PlannedReport planned,
                                       GgufMetadata& metadata, uint64_t alignment,
                                       const std::string& output, const QuantizeOptions& options,
                                       ThreadPool& pool);

// Fails with `usage` where writing `output`, or with `split` its parts, would replace the input and
// so destroy it; links are followed.
Status keep_input(const std::string& input, const std::string& output, bool split = false);

// GGUF to GGUF. `output` may be empty for a dry run.
Result<QuantizeReport> quantize_gguf(const std::string& input, const std::string& output,
                                     const QuantizeOptions& options, const Limits& limits,
                                     ThreadPool& pool);

}  // namespace hone::compress
