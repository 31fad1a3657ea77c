// Pipelines as text: "fold, sweep, repeat(canonicalize, merge), make_stateful(past=*)".
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "ir/model.h"
#include "ir/rewriter.h"
#include "passes/pass.h"

namespace hone {

// The pipelines hone ships, by name: "clean" makes the portable canonical form.
std::string_view named_pipeline(std::string_view name);  // "" when there is none

struct PipelineOptions {
  std::set<std::string, std::less<>> disabled;  // passes that are skipped
  bool verify_each = false;                     // check the invariants after every pass
  size_t stop_after_edits = SIZE_MAX;
  Choosing choosing;
  ThreadPool* pool = nullptr;  // null: one thread
  // Weights are not packed: the model has the form and the sizes of the lowered one, but zeros.
  bool shapes_only = false;
  // Called after every pass that changed something.
  std::function<Status(const Model&, std::string_view pass)> after_pass;
};

struct PipelineReport {
  struct Entry {
    std::string pass;
    size_t edits = 0;
    double seconds = 0;
  };
  std::vector<Entry> entries;  // in order of running
  Journal journal;
  std::vector<Decision> decisions;  // which of several forms nodes were given
};

// Runs a pipeline, or a named one. Sets model.phase to "clean" after the pipeline of that name, but
// of a lowered model.
Result<PipelineReport> run_pipeline(Model& model, std::string_view pipeline,
                                    const Catalogue& catalogue, const Limits& limits,
                                    const PipelineOptions& options = {});

}  // namespace hone
