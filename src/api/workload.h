// From a model file to what one run of it does on the kernels of this build, without packing
// weights.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/open.h"
#include "estimate/memory_peak.h"
#include "estimate/workload.h"
#include "runtime/backend.h"

namespace hone {

struct OpenedWorkload {
  estimate::Workload work;
  std::string format;
  uint64_t file_bytes = 0;
  int64_t parameters = 0;  // elements of constants that are no sizes or axes
  Dim::Bindings bindings;  // of all symbols
};

// Beside symbols, `bindings` may have axes without one ("input:1"), and the values of integer
// inputs of one element ("rate"), which may decide between branches. What it leaves open is 1. A
// batch is the size of the symbol that is the first axis of inputs; fails with `usage` where there
// is none. 0: as the file has it.
Result<OpenedWorkload> open_workload(const std::string& path, const OpenOptions& options,
                                     const Dim::Bindings& bindings, int64_t batch = 0);

// A made-up input of these sizes, and with that value where it has one.
Result<Datum> workload_input(const Model& model, ValueId input, const Dim::Bindings& bindings,
                             const Limits& limits);

// A step of a language model: so many sequences, each with new tokens behind those of its cache.
struct LanguageStep {
  int64_t sequences = 1, tokens = 1, depth = 0;
};
// The sizes of its symbols; none where the file is no language model.
Result<std::optional<Dim::Bindings>> language_bindings(const std::string& path,
                                                       const OpenOptions& options,
                                                       const LanguageStep& step);

// What memory would be with less at once, by planning that: half of the batch, and one; of a step
// of a language model, half of its sequences or of its tokens.
std::vector<estimate::Remedy> smaller_batches(const OpenedWorkload& opened);
std::vector<estimate::Remedy> smaller_steps(const OpenedWorkload& opened, const LanguageStep& step);

}  // namespace hone
